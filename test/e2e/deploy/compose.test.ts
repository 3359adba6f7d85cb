import assert from 'node:assert/strict'
import { mkdirSync, readFileSync, rmSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { after, before, describe, test } from 'node:test'

import { settingNames } from '../../../src/cli/settings.ts'
import { root, run, scratchFolder } from '../../support/checkout.ts'
import { type Manifest, parseYaml, readDeploy } from '../../support/deploy-files.ts'
import { toolPath, toolsMissing } from '../../support/deploy-tools.ts'
import { buildProgram, eventually, killAll, PeerProcess } from '../../support/processes.ts'

const noTools = await toolsMissing()

const sh = (line: string): string => {
  const { status, stdout, stderr } = run(line, '/')
  assert.equal(status, 0, `${line}: ${stderr}`)
  return stdout
}

/** Why networks cannot be made here; false if they can. */
function obstacle(): string | false {
  if (process.platform !== 'linux' || process.getuid?.() !== 0) return 'needs root on Linux'
  const name = `hfprobe${process.pid}`
  if (run(`ip netns add ${name}`, '/').status !== 0) return 'may not make network namespaces'
  const canEnter = run(`ip netns exec ${name} true`, '/').status === 0
  run(`ip netns del ${name}`, '/')
  return canEnter ? false : 'may not enter network namespaces'
}

/**
 * A network of containers: each service in a namespace of its own, joined by a bridge, where the names
 * of all services lead to the addresses they have at the moment.
 */
class Containers {
  readonly #prefix = `hfc${process.pid}`
  readonly #names: readonly string[]

  constructor(names: readonly string[]) {
    this.#names = names
    const hub = `${this.#prefix}-hub`
    sh(`ip netns add ${hub}`)
    sh(`ip netns exec ${hub} ip link add br0 type bridge`)
    sh(`ip netns exec ${hub} ip link set br0 up`)
    for (const [index, name] of names.entries()) {
      const own = this.#space(name)
      sh(`ip netns add ${own}`)
      sh(`ip link add v${index} netns ${hub} type veth peer name eth0 netns ${own}`)
      sh(`ip netns exec ${hub} ip link set v${index} master br0 up`)
      sh(`ip netns exec ${own} ip link set eth0 up`)
      sh(`ip netns exec ${own} ip link set lo up`)
    }
  }

  /** Gives all of them new addresses, and the names to them. */
  address(network: number): void {
    const hosts = this.#names.map((name, index) => `10.97.${network}.${index + 1} ${name}`)
    for (const [index, name] of this.#names.entries()) {
      const own = this.#space(name)
      sh(`ip netns exec ${own} ip addr flush dev eth0`)
      sh(`ip netns exec ${own} ip addr add 10.97.${network}.${index + 1}/24 dev eth0`)
      mkdirSync(`/etc/netns/${own}`, { recursive: true })
      writeFileSync(`/etc/netns/${own}/hosts`, `127.0.0.1 localhost\n${hosts.join('\n')}\n`)
    }
  }

  enter(name: string): readonly string[] {
    return ['ip', 'netns', 'exec', this.#space(name)]
  }

  remove(): void {
    for (const name of [...this.#names, 'hub']) {
      run(`ip netns del ${this.#space(name)}`, '/')
      rmSync(`/etc/netns/${this.#space(name)}`, { recursive: true, force: true })
    }
  }

  #space(name: string): string {
    return `${this.#prefix}-${name}`
  }
}

const dockerfile = readDeploy('Dockerfile')
/** What the image tells the program, before anybody else does. */
const ofImage = Object.fromEntries(
  [...dockerfile.matchAll(/\b(HOLDFAST_\w+)=(\S+)/g)].map(([, name = '', value = '']) => [
    name,
    value,
  ]),
)

describe('the compose file', { skip: noTools }, () => {
  let services: Record<string, Manifest> = {}
  before(async () => {
    services = (await parseYaml(readDeploy('compose.yaml'))).services
  })

  test('has six peers, of which each is told only what it can be told', () => {
    assert.equal(Object.keys(services).length, 6)
    const known = settingNames.map(each => `HOLDFAST_${each.toUpperCase().replaceAll('-', '_')}`)
    const told = Object.values(services).flatMap(({ environment }) => Object.keys(environment))
    assert.deepEqual(
      [...told, ...Object.keys(ofImage)].filter(name => !known.includes(name)),
      [],
    )
  })

  test('publishes gateways on loopback alone, each at a port of its own', () => {
    const ports = Object.values(services).flatMap(service => service.ports as string[])
    assert.ok(ports.every(each => each.startsWith('127.0.0.1:')))
    assert.equal(new Set(ports).size, 6)
  })

  test('the Dockerfile is as a linter wants it', () => {
    const lint = toolPath('dockerfilelint/bin/dockerfilelint')
    const { status, stdout } = run(`node ${lint} deploy/Dockerfile`, root)
    assert.equal(status, 0, stdout)
    const bad = join(scratchFolder(), 'Dockerfile')
    writeFileSync(bad, 'FROM debian\nRUN sudo apt-get install curl\n')
    assert.notEqual(run(`node ${lint} ${bad}`, root).status, 0)
  })

  const skip = obstacle()
  describe('played with processes', { skip }, () => {
    let main = ''
    let folder = ''
    let containers: Containers
    before(() => {
      main = buildProgram()
      folder = scratchFolder()
      containers = new Containers(Object.keys(services))
    })
    after(async () => {
      await killAll()
      containers.remove()
    })

    const start = (name: string): PeerProcess => {
      const told: Record<string, string> = { ...ofImage, ...services[name].environment }
      const invite = told['HOLDFAST_INVITE_FILE']
      assert.equal(told['HOLDFAST_JOIN_FILE'], invite)
      for (const key of ['HOLDFAST_INVITE_FILE', 'HOLDFAST_JOIN_FILE'])
        told[key] = join(folder, 'invite')
      const variables = Object.entries(told).map(([key, value]) => `${key}=${value}`)
      const wrapper = [...containers.enter(name), 'env', ...variables]
      return new PeerProcess(name, { main, data: join(folder, name), wrapper })
    }
    const seesAll = (peer: PeerProcess, count: number): boolean => {
      const { status, stdout } = peer.command('peers --json')
      if (status !== 0) return false
      const views = JSON.parse(stdout) as { state: string }[]
      return views.filter(({ state }) => state === 'alive').length === count
    }
    /** Starts all at once, the founder among them; resolves when they are one network. */
    const startAll = async (): Promise<readonly PeerProcess[]> => {
      const peers = Object.keys(services).toReversed().map(start)
      await Promise.all(peers.map(peer => peer.ready()))
      // One after the other, for asking takes a process each time.
      for (const peer of peers)
        await eventually(
          async () => seesAll(peer, peers.length),
          60_000,
          () => `${peer.name}: ${peer.command('peers').stdout}`,
        )
      return peers
    }

    test('becomes one network, and is it again at other addresses', async context => {
      const begunMs = performance.now()
      const tell = (what: string): void =>
        context.diagnostic(
          `${what} after ${Math.round((performance.now() - begunMs) / 100) / 10} s`,
        )
      containers.address(1)
      const file = join(folder, 'file')
      writeFileSync(file, new Uint8Array(3_000_000).fill(7))
      const first = await startAll()
      tell('whole')
      const put = first[0]?.command(`put ${file} files/`)
      assert.equal(put?.status, 0, put?.stderr)
      const identities = first.map(({ id }) => id)
      await Promise.all(first.map(peer => peer.stop()))
      tell('stored and stopped')
      containers.address(2)
      const again = await startAll()
      tell('whole again')
      assert.deepEqual(
        again.map(({ id }) => id),
        identities,
      )
      const back = join(folder, 'back')
      const got = again[5]?.command(`get files/file ${back}`)
      assert.equal(got?.status, 0, got?.stderr)
      assert.ok(readFileSync(back).equals(readFileSync(file)))
    })
  })
})
