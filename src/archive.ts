/** Files cut into fragments and brought back, for those who need no network. */
export {
  decodeFile,
  type DecodeFileOptions,
  type DecodeReport,
} from './node/archive/decode-file.ts'
export {
  encodeFile,
  type EncodeFileOptions,
  type EncodeReport,
} from './node/archive/encode-file.ts'
export { createKeyFile, readKeyFile } from './node/archive/key-file.ts'
export type { FileProblem } from './node/archive/survey.ts'
