export { HoldfastError, type Failure } from './base/errors.ts'
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
export { parsePlan, parseReport } from './node/recovery-files.ts'
export {
  applyPlan,
  type AppliedPlan,
  inspectStore,
  type NetworkPlan,
  planFromReports,
  recoveryPhrase,
  type StoreReport,
} from './node/recovery.ts'
