/** What one range of a Range header asks for; `last` as `bytes=-500`. */
export type ByteRange =
  | { readonly type: 'from'; readonly from: number; readonly to: number | undefined }
  | { readonly type: 'last'; readonly count: number }

/**
 * The range a request asks for; undefined if it wants all: without the header, with one that is
 * malformed, and with several ranges, which a server may ignore (RFC 9110 §14.2).
 */
export function parseRange(header: string | undefined): ByteRange | undefined {
  const [, first, last] = /^bytes=(\d{0,15})-(\d{0,15})$/.exec(header?.trim() ?? '') ?? []
  if (first === undefined || last === undefined) return undefined
  if (first === '') return last === '' ? undefined : { type: 'last', count: Number(last) }
  const from = Number(first)
  if (last === '') return { type: 'from', from, to: undefined }
  return Number(last) < from ? undefined : { type: 'from', from, to: Number(last) + 1 }
}
