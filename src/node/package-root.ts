/**
 * The folder of this package: two levels up from the sources of `src/node` and from what the build
 * makes of them (scripts/build.mjs).
 */
export const packageRoot: URL = new URL('../../', import.meta.url)
