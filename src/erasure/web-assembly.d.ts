/**
 * The part of WebAssembly that the kernel needs, all of it synchronous. Neither TypeScript's
 * `es2024` library nor Node's types declare it, and the browser library would bring a `window`.
 */
declare namespace WebAssembly {
  class Module {
    constructor(bytes: Uint8Array)
    /** Nothing else is a module; there is no such field. */
    private readonly opaque: never
  }
  class Memory {
    constructor(limits: { readonly initial: number; readonly maximum: number })
    readonly buffer: ArrayBuffer
  }
  class Instance {
    constructor(module: Module, imports: Readonly<Record<string, Readonly<Record<string, Memory>>>>)
    readonly exports: Readonly<Record<string, unknown>>
  }
  function validate(bytes: Uint8Array): boolean
}
