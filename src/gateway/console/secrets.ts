import { createHash, randomBytes, timingSafeEqual } from 'node:crypto'

const SECRET_BYTES = 24

/** What nobody can guess, fit for a URL and a cookie. */
export const drawSecret = (): string => randomBytes(SECRET_BYTES).toString('base64url')

/** By which a secret is known here: looking one up by it tells nothing of the others. */
export const fingerprint = (secret: string): string =>
  createHash('sha256').update(secret).digest('hex')

/** Compares hashes, so that neither time nor length tells of either. */
export const isSame = (given: string, wanted: string): boolean =>
  timingSafeEqual(
    createHash('sha256').update(given).digest(),
    createHash('sha256').update(wanted).digest(),
  )
