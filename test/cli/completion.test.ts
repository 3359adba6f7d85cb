import assert from 'node:assert/strict'
import { spawnSync } from 'node:child_process'
import { test } from 'node:test'

import type { CommandShape } from '../../src/cli/completion-command.ts'
import { completionScript } from '../../src/cli/completion.ts'

const help = { flag: '--help', description: 'help' }
const shape = (
  name: string,
  commands: readonly CommandShape[] = [],
  flags: readonly string[] = [],
): CommandShape => ({
  name,
  description: `what ${name}'s for: this`,
  options: [...flags.map(flag => ({ flag, description: `it's: ${flag}` })), help],
  commands,
})
const program = shape('holdfast', [
  shape('put', [], ['--json', '--recursive']),
  shape('kv', [shape('get', [], ['--deadline']), shape('put')]),
])

/** Whether this machine has the shell. */
const has = (shell: string): boolean => spawnSync(shell, ['--version']).status === 0

/** What bash offers for the last of these words. */
function offered(words: readonly string[]): string[] {
  const script =
    `${completionScript('bash', program)}\n` +
    `COMP_WORDS=(${words.map(word => `'${word}'`).join(' ')}); COMP_CWORD=${words.length - 1}\n` +
    '_holdfast; echo "${COMPREPLY[@]}"'
  const { stdout, stderr } = spawnSync('bash', ['-c', script], { encoding: 'utf8' })
  assert.equal(stderr, '')
  return stdout.trim().split(' ')
}

for (const [words, expected] of [
  [
    ['holdfast', ''],
    ['put', 'kv', '--help'],
  ],
  [['holdfast', 'p'], ['put']],
  [['holdfast', 'put', '--r'], ['--recursive']],
  [['holdfast', 'put', 'file', '--j'], ['--json']],
  [
    ['holdfast', 'kv', ''],
    ['get', 'put', '--help'],
  ],
  [['holdfast', 'kv', 'get', '--d'], ['--deadline']],
  [['holdfast', 'nothing', ''], ['']],
] as const)
  test(`bash completes ${words.join(' ')}`, { skip: !has('bash') }, () =>
    assert.deepEqual(offered(words), expected),
  )

for (const shell of ['zsh', 'fish'] as const) {
  test(`${shell} can read its script`, { skip: !has(shell) }, () => {
    const input = completionScript(shell, program)
    const { stderr, status } = spawnSync(shell, ['-n'], { input, encoding: 'utf8' })
    assert.deepEqual([status, stderr], [0, ''])
  })

  test(`the script of ${shell} names every command and option, with quotes kept`, () => {
    const script = completionScript(shell, program)
    for (const word of ['put', 'kv', 'get', 'recursive', 'deadline'])
      assert.ok(script.includes(word))
    assert.ok(script.includes(`what put'\\''s for`))
  })
}
