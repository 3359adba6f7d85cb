import assert from 'node:assert/strict'
import { copyFileSync, readdirSync, readFileSync, writeFileSync } from 'node:fs'
import { delimiter, join, sep } from 'node:path'
import { before, describe, test } from 'node:test'

import { copyOfCheckout, type Outcome, root, run, scratchFolder } from '../support/checkout.ts'

const OLDEST_NODE = 22

const { version } = JSON.parse(readFileSync(join(root, 'package.json'), 'utf8')) as {
  version: string
}
const quoted = (path: string): string => JSON.stringify(path)

/** An empty project in which the packed package is installed like any other. */
function installPackage(): string {
  const checkout = copyOfCheckout()
  succeed('npm pack', checkout)
  const tarball = `holdfast-${version}.tgz`
  const project = scratchFolder()
  copyFileSync(join(checkout, tarball), join(project, tarball))
  writeFileSync(join(project, 'package.json'), '{ "private": true, "type": "module" }\n')
  succeed(`npm install --no-audit --no-fund ./${tarball}`, project)
  return project
}

function succeed(commandLine: string, folder: string): Outcome {
  const outcome = run(commandLine, folder)
  assert.equal(outcome.status, 0, `${commandLine}\n${outcome.stdout}\n${outcome.stderr}`)
  return outcome
}

/** The first `node` of PATH that npm did not put there: the one a user of this machine gets. */
function ownNode(): { path: string; version: string } | undefined {
  const name = process.platform === 'win32' ? 'node.exe' : 'node'
  return (process.env['PATH'] ?? '')
    .split(delimiter)
    .filter(folder => !folder.endsWith(join('node_modules', '.bin')))
    .map(folder => join(folder, name))
    .map(path => ({ path, ...run(`${quoted(path)} -p process.versions.node`, root) }))
    .filter(({ status }) => status === 0)
    .map(({ path, stdout }) => ({ path, version: stdout.trim() }))[0]
}

const majorOf = (nodeVersion: string): number => Number.parseInt(nodeVersion, 10)

describe('the package', () => {
  let project = ''
  let bin = ''
  before(() => {
    project = installPackage()
    bin = join(project, 'node_modules', 'holdfast', 'dist', 'lib', 'main.js')
  })

  test('contains the program, its papers, and no sources', () => {
    const files = readdirSync(join(project, 'node_modules', 'holdfast'), {
      recursive: true,
      encoding: 'utf8',
    }).map(path => path.replaceAll(sep, '/'))
    for (const expected of [
      'README.md',
      'LICENSE-APACHE',
      'LICENSE-MIT',
      'dist/types/index.d.ts',
      'dist/THIRD-PARTY',
    ]) {
      assert.ok(files.includes(expected), `${expected} is packed`)
    }
    assert.deepEqual(
      files.filter(path => /(?<!\.d)\.ts$|^(src|test|scripts)\b/.test(path)),
      [],
    )
  })

  test('brings a command that knows its version', () => {
    const { stdout } = succeed('npx --offline holdfast --version', project)
    assert.equal(stdout, `${version}\n`)
  })

  for (const option of ['--no-such-option', 'no-such-command']) {
    test(`answers ${option} with a message and exit code 2`, () => {
      const { status, stdout, stderr } = run(`npx --offline holdfast ${option}`, project)
      assert.equal(stderr.trim().split('\n').at(-1)?.includes(`'${option}'`), true, stderr)
      assert.equal(stdout, '')
      assert.equal(status, 2)
    })
  }

  test('is imported from JavaScript', () => {
    writeFileSync(
      join(project, 'app.js'),
      `import { HoldfastError } from 'holdfast'
      const details = { code: 'BUSY', what: 'queue', limit: 1 }
      console.log(new HoldfastError('Cannot enqueue: 1 waits', details).code)\n`,
    )
    assert.equal(succeed('node app.js', project).stdout, 'BUSY\n')
  })

  test('is imported from TypeScript, at run time and by the type checker', () => {
    writeFileSync(
      join(project, 'app.ts'),
      `import { type Failure, HoldfastError } from 'holdfast'
      const details: Failure = { code: 'BUSY', what: 'queue', limit: 1 }
      console.log(new HoldfastError('Cannot enqueue: 1 waits', details).code)
      // @ts-expect-error: unless the types are found, this is no error
      const unknown: Failure['code'] = 'NO_SUCH_CODE'\n`,
    )
    const compilerOptions = {
      module: 'nodenext',
      target: 'es2024',
      strict: true,
      noEmit: true,
      types: [],
      lib: ['es2024', 'dom'],
    }
    writeFileSync(
      join(project, 'tsconfig.json'),
      JSON.stringify({ compilerOptions, files: ['app.ts'] }),
    )
    assert.equal(succeed('node app.ts', project).stdout, 'BUSY\n')
    const tsc = join(root, 'node_modules', 'typescript', 'bin', 'tsc')
    succeed(`node ${quoted(tsc)} -p .`, project)
  })

  describe('on a Node that is too old', () => {
    const pretend =
      "data:text/javascript,Object.defineProperty(process,'versions',{value:{node:'20.1.0'}})"
    const own = ownNode()
    const isOwnOld = own !== undefined && majorOf(own.version) < OLDEST_NODE
    const cases = [
      { what: 'a Node that says so', node: `node --import ${quoted(pretend)}`, found: '20.1.0' },
      {
        what: "this machine's own Node",
        node: quoted(own?.path ?? ''),
        found: own?.version,
        skip: !isOwnOld && `found ${own?.version ?? 'none'}`,
      },
    ]
    for (const { what, node, found, skip = false } of cases) {
      test(`says in one line what to do, given ${what}`, { skip }, () => {
        const { status, stdout, stderr } = run(`${node} ${quoted(bin)} --version`, project)
        assert.equal(
          stderr,
          `holdfast needs Node 22 or newer, this is ${found}: ` +
            'install it, or run `npx -y -p node@24 -p holdfast holdfast`\n',
        )
        assert.equal(stdout, '')
        assert.equal(status, 1)
      })

      test(`loads nothing but the check, given ${what}`, { skip }, () => {
        const alone = scratchFolder()
        writeFileSync(join(alone, 'package.json'), '{ "type": "module" }\n')
        copyFileSync(bin, join(alone, 'main.js'))
        const { status, stderr } = run(`${node} main.js`, alone)
        assert.match(stderr, /^holdfast needs Node 22/)
        assert.equal(status, 1)
        assert.match(run('node main.js', alone).stderr, /ERR_MODULE_NOT_FOUND/)
      })
    }
  })
})
