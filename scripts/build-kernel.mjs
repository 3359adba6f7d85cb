/**
 * Compiles kernel/linear.ts, once with plain and once with relaxed SIMD, and writes the bytes into
 * src/erasure/kernel-bytes.ts. With `--check` it writes nothing and fails if the committed bytes
 * are not what the source compiles to: what cannot be read in a review can at least be rebuilt.
 */
import { readFileSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { fileURLToPath } from 'node:url'

import asc from 'assemblyscript/asc'

const root = fileURLToPath(new URL('..', import.meta.url))
const target = join(root, 'src/erasure/kernel-bytes.ts')
const LINE_CHARACTERS = 92

async function compile(features) {
  let bytes
  const options = ['-O3', '--noAssert', '--runtime', 'stub', '--importMemory', '--noExportMemory']
  const { error, stderr } = await asc.main(
    ['linear.ts', ...options, '--enable', features, '--outFile', 'linear.wasm'],
    {
      readFile: (name, base) =>
        name === 'linear.ts' ? readFileSync(join(root, 'kernel', name), 'utf8') : null,
      writeFile: (name, contents) => {
        bytes = contents
      },
      listFiles: () => [],
    },
  )
  if (error) throw new Error(`Cannot compile kernel/linear.ts: ${error.message}\n${stderr}`)
  return Buffer.from(bytes)
}

function literal(name, comment, bytes) {
  const text = bytes.toString('base64')
  const lines = text.match(new RegExp(`.{1,${LINE_CHARACTERS}}`, 'g'))
  const quoted = lines.map(line => `  '${line}'`).join(' +\n')
  return `/** ${comment}: ${bytes.length} bytes, in base64. */\nexport const ${name}: string =\n${quoted}\n`
}

const text = `// Made from kernel/linear.ts by \`npm run build:kernel\`; a test rebuilds and compares.

${literal('plainKernel', 'For every engine with WebAssembly SIMD', await compile('simd'))}
${literal('relaxedKernel', 'For engines with relaxed SIMD', await compile('simd,relaxed-simd'))}`

if (!process.argv.includes('--check')) writeFileSync(target, text)
else if (readFileSync(target, 'utf8') !== text) {
  console.error('src/erasure/kernel-bytes.ts is not what kernel/linear.ts compiles to')
  process.exitCode = 1
}
