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
export type { InviteOptions } from './node/admission/admission.ts'
export type { Role } from './node/admission/member-record.ts'
export { createNode, type HoldfastNode } from './node/create-node.ts'
export {
  createLog,
  type Log,
  type LogFields,
  type LogLevel,
  logLevels,
  type LogLine,
} from './node/log.ts'
export type { NodeOptions, ProfileName } from './node/node-options.ts'
export type { NodeEvent, NodeState, NodeStatus, PeerView } from './node/views.ts'
