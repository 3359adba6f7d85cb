/** Runs the tests of the console, which take the pictures of docs/screenshots on their way. */
import { spawnSync } from 'node:child_process'

const args = ['--conditions=source', '--test', 'test/browser/console.test.ts']
const env = { ...process.env, HOLDFAST_SCREENSHOTS: '1' }
const { status } = spawnSync(process.execPath, args, { env, stdio: 'inherit' })
process.exitCode = status ?? 1
