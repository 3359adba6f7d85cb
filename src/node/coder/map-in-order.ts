/**
 * Maps items to what `map` resolves to, in their order, with up to `windowMax` on the way at once;
 * no item is taken before there is room for it. When a `map` fails, `signal` aborts, or the consumer
 * stops, the other ones are told by their signal and waited for.
 */
export async function* mapInOrder<Item, Result>(
  items: AsyncIterable<Item> | Iterable<Item>,
  map: (item: Item, signal: AbortSignal) => Promise<Result>,
  { windowMax, signal }: { windowMax: number; signal?: AbortSignal | undefined },
): AsyncGenerator<Result> {
  const controller = new AbortController()
  const inner =
    signal === undefined ? controller.signal : AbortSignal.any([controller.signal, signal])
  const pending: Promise<Result>[] = []
  try {
    for await (const item of items) {
      const result = map(item, inner)
      // It may fail before its turn comes; that is seen then.
      result.catch(() => {})
      pending.push(result)
      if (pending.length >= windowMax) yield await (pending.shift() as Promise<Result>)
    }
    for (let next = pending.shift(); next !== undefined; next = pending.shift()) yield await next
  } finally {
    controller.abort()
    await Promise.allSettled(pending)
  }
}
