import assert from 'node:assert/strict'
import { copyFileSync, existsSync } from 'node:fs'
import { dirname, join } from 'node:path'
import { after, before, describe, test } from 'node:test'

import { root, run, scratchFolder } from '../support/checkout.ts'
import { programMissing } from '../support/deploy-tools.ts'

const MIB = 2 ** 20
/** What the program and its Node may add to the image it stands on. */
const ADDED_BYTES_MAX = 180 * MIB
const certificates = '/etc/ssl/certs/ca-certificates.crt'

const skip =
  (process.getuid?.() === 0 ? false : 'needs root') ||
  programMissing('buildah') ||
  programMissing('mmdebstrap') ||
  programMissing('npm')

/**
 * The image as it is built for real, but for what it stands on: instead of a registry's, a Debian made
 * here, under the registry's names, with the Node and npm that are here.
 */
describe('the container image', { skip }, () => {
  const folder = scratchFolder()
  const storage = `--storage-driver vfs --root ${folder}/storage --runroot ${folder}/run`
  const sh = (line: string): string => {
    const { status, stdout, stderr } = run(line, root)
    assert.equal(status, 0, `${line}: ${stdout.slice(-2000)}${stderr.slice(-2000)}`)
    return stdout.trim()
  }
  const buildah = (args: string): string => {
    const [command, ...rest] = args.split(' ')
    return sh(`buildah ${command} ${storage} ${rest.join(' ')}`)
  }

  const bytesOf = (image: string): number => {
    const { size } = JSON.parse(buildah(`images --json ${image}`))[0] as { size: string }
    const [, digits, unit = 'B'] = /^([\d.]+) ?(\w+)$/.exec(size) ?? []
    return Number(digits) * { B: 1, KB: 1e3, MB: 1e6, GB: 1e9 }[unit.toUpperCase() as 'MB']
  }

  const debian = 'docker.io/library/debian:bookworm-slim'
  const node = 'docker.io/library/node:24-bookworm-slim'
  before(() => {
    const tar = join(folder, 'base.tar')
    sh(`mmdebstrap --quiet --variant=minbase --include=ca-certificates bookworm ${tar}`)
    const base = buildah('from scratch')
    buildah(`add -q ${base} ${tar} /`)
    buildah(`commit -q ${base} ${debian}`)
    const npm = dirname(dirname(sh('readlink -f "$(command -v npm)"')))
    buildah(`copy -q ${base} ${process.execPath} /usr/local/bin/node`)
    buildah(`copy -q ${base} ${npm} /usr/local/lib/node_modules/npm`)
    const link = '../lib/node_modules/npm/bin/npm-cli.js'
    buildah(`run --isolation chroot ${base} -- ln -s ${link} /usr/local/bin/npm`)
    if (existsSync(certificates)) {
      copyFileSync(certificates, join(folder, 'certificates'))
      buildah(`copy -q ${base} ${join(folder, 'certificates')} ${certificates}`)
      buildah(`config --env NODE_EXTRA_CA_CERTS=${certificates} ${base}`)
    }
    buildah(`commit -q ${base} ${node}`)
    buildah('bud -q --isolation chroot --format docker -f deploy/Dockerfile -t holdfast .')
  })
  after(() => void run(`buildah rm ${storage} --all`, '/'))

  test('adds to a Debian little more than Node and the program', context => {
    const addedBytes = bytesOf('localhost/holdfast') - bytesOf(debian)
    context.diagnostic(`${Math.round(addedBytes / MIB)} MiB`)
    assert.ok(addedBytes < ADDED_BYTES_MAX, String(addedBytes))
  })

  test('runs as nobody, with no npm, and says how its health is told', () => {
    const { OCIv1, Docker } = JSON.parse(buildah('inspect --type image localhost/holdfast')) as {
      OCIv1: { config: { User: string; Entrypoint: string[] } }
      Docker: { config: { Healthcheck: { Test: string[] } } }
    }
    assert.equal(OCIv1.config.User, '10001:10001')
    assert.deepEqual(OCIv1.config.Entrypoint, ['holdfast'])
    assert.match(Docker.config.Healthcheck.Test.join(' '), /healthz/)
    const peer = buildah('from localhost/holdfast')
    const found = buildah(
      `run --isolation chroot ${peer} -- sh -c 'id -u; command -v npm || echo none'`,
    )
    assert.deepEqual(found.split('\n'), ['10001', 'none'])
  })

  test('has a peer in it that stores a file, and is healthy by its own check', () => {
    const { Docker } = JSON.parse(buildah('inspect --type image localhost/holdfast')) as {
      Docker: { config: { Healthcheck: { Test: string[] } } }
    }
    const [, ...check] = Docker.config.Healthcheck.Test
    const peer = buildah('from localhost/holdfast')
    const health = check.map(word => `'${word.replaceAll("'", String.raw`'\''`)}'`).join(' ')
    const story = [
      'holdfast up --json --gateway 127.0.0.1:4800 --listen 127.0.0.1:0 >/tmp/said 2>/tmp/log &',
      'until [ -s /tmp/said ]; do sleep 0.2; done',
      'echo hello | holdfast put - files/hello',
      'holdfast get files/hello -',
      `${health} && echo healthy`,
      'kill %1; wait %1; echo ended $?',
    ].join('\n')
    const script = join(folder, 'story')
    sh(`cat > ${script} <<'END'\n${story}\nEND`)
    const told = buildah(`run --isolation chroot -v ${script}:/story:ro ${peer} -- bash -m /story`)
    assert.deepEqual(told.split('\n').slice(-3), ['hello', 'healthy', 'ended 0'])
  })
})
