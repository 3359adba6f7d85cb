import { once } from 'node:events'
import { type AddressInfo, createServer } from 'node:net'
import { test } from 'node:test'

import { checkListen } from '../../src/node/listen-addresses.ts'
import { rejectsWith } from '../support/expect.ts'

test('an address in use is told from one that this machine does not have', async () => {
  const server = createServer().listen(0, '127.0.0.1')
  await once(server, 'listening')
  const { port } = server.address() as AddressInfo
  await rejectsWith('ADDRESS_IN_USE', checkListen([`/ip4/127.0.0.1/tcp/${port}`]))
  server.close()
  await once(server, 'close')
  await checkListen([`/ip4/127.0.0.1/tcp/${port}`, '/ip4/127.0.0.1/tcp/0'])
  // Of a range kept for documentation, so no machine has it.
  await rejectsWith('CONFIG_INVALID', checkListen(['/ip4/192.0.2.1/tcp/4801']))
})

test('what is no TCP address is refused before anything is made', async () => {
  for (const address of ['/ip4/127.0.0.1/udp/0', '/ip4/127.0.0.1/tcp/65536', '/nonsense', ''])
    await rejectsWith('CONFIG_INVALID', checkListen([address]))
})
