/**
 * Checksums of an object that comes in parts. Composite: over the binary checksums of its parts,
 * with their number behind a hyphen. Full: over its bytes, which for CRCs follows from those of the
 * parts and their sizes.
 */
import { Buffer } from 'node:buffer'
import { createHash } from 'node:crypto'

import type { UploadedPart } from '../../node/store/store.ts'
import {
  algorithmNamed,
  type ChecksumAlgorithm,
  checksumOf,
  type ChecksumType,
} from './checksum.ts'
import { combineCrcs, type CrcAlgorithm } from './combine-crc.ts'
import { CHECKSUM_ALGORITHM_HEADER, CHECKSUM_TYPE_HEADER } from './object-answer.ts'
import { S3Error } from './s3-error.ts'

/** What is computed if nobody asks for anything. */
const DEFAULT_ALGORITHM: ChecksumAlgorithm = 'crc64nvme'

export interface UploadChecksums {
  readonly algorithm: ChecksumAlgorithm
  readonly type: ChecksumType
  /** Whether the client chose it: then every part must come with it. */
  readonly isChosen: boolean
}

/** What an upload is to have, by the headers it was created with. @throws {S3Error} `InvalidRequest` */
export function chosenChecksums(
  name: string | undefined,
  type: string | undefined,
): UploadChecksums {
  if (name === undefined && type !== undefined)
    throw new S3Error(
      'InvalidRequest',
      'The x-amz-checksum-type header can only be used with the x-amz-checksum-algorithm header',
    )
  if (name === undefined)
    return { algorithm: DEFAULT_ALGORITHM, type: 'FULL_OBJECT', isChosen: false }
  const algorithm = algorithmNamed(name)
  if (algorithm === undefined)
    throw new S3Error(
      'InvalidRequest',
      'Checksum algorithm provided is unsupported. Please try again with any of the valid types: [CRC32, CRC32C, CRC64NVME, SHA1, SHA256]',
    )
  const usual = algorithm === 'crc64nvme' ? 'FULL_OBJECT' : 'COMPOSITE'
  const wanted = type?.toUpperCase() ?? usual
  const isPossible =
    wanted === 'FULL_OBJECT'
      ? isCrc(algorithm)
      : wanted === 'COMPOSITE' && algorithm !== 'crc64nvme'
  if (isPossible) return { algorithm, type: wanted as ChecksumType, isChosen: true }
  throw new S3Error(
    'InvalidRequest',
    `The ${wanted} checksum type cannot be used with the ${name} checksum algorithm.`,
  )
}

/** How that is kept with the upload, and with its object. */
export const checksumSettings = ({
  algorithm,
  type,
  isChosen,
}: UploadChecksums): Record<string, string> => ({
  [CHECKSUM_TYPE_HEADER]: type,
  ...(isChosen && { [CHECKSUM_ALGORITHM_HEADER]: algorithm.toUpperCase() }),
})

export const keptChecksums = (headers: Readonly<Record<string, string>> = {}): UploadChecksums =>
  chosenChecksums(
    headers[CHECKSUM_ALGORITHM_HEADER],
    headers[CHECKSUM_ALGORITHM_HEADER] && headers[CHECKSUM_TYPE_HEADER],
  )

/** The checksum of the whole; none if a part lacks its own. */
export async function wholeChecksum(
  { algorithm, type }: UploadChecksums,
  parts: readonly UploadedPart[],
): Promise<Readonly<Record<string, string>>> {
  const pieces = parts.flatMap(({ checksums, sizeBytes }) => {
    const digest = checksums[algorithm]
    return digest === undefined ? [] : [{ digest, sizeBytes }]
  })
  if (pieces.length < parts.length) return {}
  if (type === 'FULL_OBJECT') return { [algorithm]: combineCrcs(algorithm as CrcAlgorithm, pieces) }
  const bytes = Buffer.concat(pieces.map(({ digest }) => Buffer.from(digest, 'base64')))
  return { [algorithm]: `${await checksumOf(algorithm, bytes)}-${pieces.length}` }
}

/** As S3 has it, so that clients which compute it themselves agree. */
export function multipartEtag(etags: readonly string[]): string {
  const md5 = createHash('md5')
  for (const etag of etags) md5.update(Buffer.from(etag, 'hex'))
  return `${md5.digest('hex')}-${etags.length}`
}

const isCrc = (algorithm: ChecksumAlgorithm): boolean => algorithm.startsWith('crc')
