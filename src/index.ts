export {
  createKeyFile,
  decodeFile,
  type DecodeFileOptions,
  type DecodeReport,
  encodeFile,
  type EncodeFileOptions,
  type EncodeReport,
  type FileProblem,
  readKeyFile,
} from './archive.ts'
export { type Failure, HoldfastError, type JoinRefusal } from './base/errors.ts'
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
