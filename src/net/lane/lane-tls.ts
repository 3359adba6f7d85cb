import { constants } from 'node:crypto'
import { getCiphers, type SecureContextOptions } from 'node:tls'

const CIPHER = 'PSK-AES256-GCM-SHA384'

/**
 * TLS with a key that both sides got over a connection on which each knows who the other is; so
 * whoever has it is who it was given to, and no certificates are needed. TLS 1.2, for there OpenSSL
 * asks for the key by its name. Tickets of TLS itself must be off: a session that is resumed asks for
 * no key, and one made with a one-time key would be good for hours.
 */
export const laneTls: SecureContextOptions = {
  ciphers: CIPHER,
  minVersion: 'TLSv1.2',
  maxVersion: 'TLSv1.2',
  secureOptions: constants.SSL_OP_NO_TICKET | constants.SSL_OP_NO_RENEGOTIATION,
}

/** False where OpenSSL was built without such ciphers. */
export const hasLaneTls = (): boolean => getCiphers().includes(CIPHER.toLowerCase())
