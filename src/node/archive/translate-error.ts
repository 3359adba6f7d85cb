import { type Failure, HoldfastError } from '../../base/errors.ts'

/** What the operating system said about a path that a user named, as a failure. */
export function translateError(cause: unknown, operation: string, path: string): HoldfastError {
  const { code = '', message } = cause as NodeJS.ErrnoException
  const reason = reasons[code] ?? message
  return new HoldfastError(
    `Cannot ${operation} ${path}: ${reason}`,
    failureOf(code, operation, path),
    { cause },
  )
}

const reasons: Readonly<Record<string, string>> = {
  ENOENT: 'no such file or directory',
  ENOTDIR: 'not a directory',
  EISDIR: 'it is a directory',
  EEXIST: 'it exists',
  EACCES: 'permission denied',
  EPERM: 'permission denied',
  EROFS: 'read-only file system',
  ELOOP: 'it is a symbolic link',
  ENOSPC: 'no space left',
}

function failureOf(code: string, operation: string, path: string): Failure {
  switch (code) {
    case 'ENOENT':
      return { code: 'FILE_NOT_FOUND', path }
    case 'EEXIST':
      return { code: 'FILE_EXISTS', path }
    case 'EACCES':
    case 'EPERM':
    case 'EROFS':
    case 'ELOOP':
      return { code: 'FILE_FORBIDDEN', path, operation }
    case 'ENOSPC':
      return { code: 'DISK_FULL', path }
    default:
      return { code: 'DISK_IO', path, operation }
  }
}
