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
export { formatMetrics, type MetricFamily, type MetricSample } from './base/metrics.ts'
export type { ActivityHistory, ActivityKind, ActivitySample, LatencyView } from './node/activity.ts'
export type { InviteOptions } from './node/admission/admission.ts'
export type { Role } from './node/admission/member-record.ts'
export {
  type ClockReading,
  type CorrectedTime,
  type EventStamp,
  type Released,
  ReorderBuffer,
  type ReorderLimits,
  shareOutOfOrder,
  type StampedEvent,
} from './node/clock/event-stamp.ts'
export type { ClockReport, SourceReport } from './node/clock/clock-report.ts'
export type { GroupDecision, GroupMemberView, GroupView } from './node/consensus/group-view.ts'
export { createNode, type HoldfastNode } from './node/create-node.ts'
export { peerIdOf } from './node/peer-id-of.ts'
export {
  createLog,
  type Log,
  type LogFields,
  type LogLevel,
  logLevels,
  type LogLine,
} from './node/log.ts'
export type { NodeOptions, ProfileName } from './node/node-options.ts'
export type {
  BucketChange,
  BucketInfo,
  BucketOptions,
  BucketUsage,
  CallOptions,
  CopyOptions,
  DefaultRetention,
  Deleted,
  DeleteOptions,
  FragmentPlacement,
  GetOptions,
  ListedObject,
  ListedVersion,
  ListEntry,
  ListOptions,
  ListPage,
  LockChange,
  ObjectInfo,
  ObjectPlace,
  ObjectPlacement,
  ObjectReading,
  ObjectSettings,
  Progress,
  PutOptions,
  ReadOptions,
  Retention,
  SegmentPlacement,
  Served,
  Store,
  UploadDetails,
  UploadedPart,
  UploadInfo,
  UploadName,
  VersionPage,
  Versioning,
  VersionOptions,
  WriteConditions,
  Written,
  WrittenFacts,
} from './node/store/store.ts'
export type {
  DrainPlan,
  DrainView,
  HeldFragment,
  HealthView,
  HeldPage,
  RebalanceView,
  RepairRecord,
  Upkeep,
  UpkeepStatus,
  VerifiedFragment,
} from './node/store/upkeep.ts'
export type { RangeCalls, RangeEdge, RangeView } from './node/range-views.ts'
export type {
  NodeEvent,
  NodeState,
  NodeStatus,
  PeerClockView,
  PeerLoadView,
  PeerStabilityView,
  PeerView,
} from './node/views.ts'
export type {
  KvChange,
  KvChangePage,
  KvCondition,
  KvEntry,
  KvPage,
  NodeKv,
} from './node/kv/node-kv.ts'
export type { KvCas, KvWriteAnswer } from './node/kv/kv-client.ts'
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
export type * from './node/store/store.ts'
export type * from './node/store/upkeep.ts'
export {
  defineMachine,
  type MachineContext,
  type MachineDefinition,
  type MachineFile,
  type MachineLimits,
  type MachineListOptions,
  type MachineMoment,
  type MachineRow,
  type MachineRows,
  type MachineState,
  type MachineTimer,
  type Machines,
} from './node/machines/define-machine.ts'
export type {
  MachineEvent,
  MachineHandle,
  MachineStatus,
  MachineUpload,
  QueryOptions,
  Receipt,
  SubmitOptions,
  WatchOptions,
} from './node/machines/machine-handle.ts'
