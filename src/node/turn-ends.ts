/**
 * Gathers work for the end of a turn. What that work adds belongs to the same end: a command that is
 * taken up, the messages it leads to and their way out do not wait for each other's turns.
 */
export function turnEnds(schedule: (run: () => void) => void): (work: () => void) => void {
  let waiting: (() => void)[] = []
  const run = (): void => {
    let done = 0
    try {
      for (; done < waiting.length; done++) (waiting[done] as () => void)()
    } finally {
      // One that throws is done; the others have their turn all the same.
      waiting = waiting.slice(done + 1)
      if (waiting.length > 0) schedule(run)
    }
  }
  return work => {
    waiting.push(work)
    if (waiting.length === 1) schedule(run)
  }
}
