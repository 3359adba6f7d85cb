export { HoldfastError, type Failure } from './base/errors.ts'
