/** A file and where it was below what was dropped, such as `photos/2026/sea.jpg`. */
export interface FoundFile {
  readonly path: string
  readonly file: File
}

/** Files of one drop; a tree that is larger is cut off there. */
const FILES_MAX = 10_000
const DEPTH_MAX = 64

/** The files of a drop, folders with all that is in them. */
export async function filesIn(transfer: DataTransfer): Promise<readonly FoundFile[]> {
  // Both have to be asked for before the first pause: after that the drop is empty.
  const plain = [...transfer.files].map(file => ({ path: file.name, file }))
  const entries = [...transfer.items].map(item => item.webkitGetAsEntry())
  if (!entries.some(entry => entry?.isDirectory === true)) return plain
  const found: FoundFile[] = []
  for (const entry of entries) if (entry !== null) await walk(entry, '', found, 0)
  return found
}

async function walk(
  entry: FileSystemEntry,
  above: string,
  found: FoundFile[],
  depth: number,
): Promise<void> {
  if (found.length >= FILES_MAX || depth > DEPTH_MAX) return
  const path = `${above}${entry.name}`
  if (entry.isFile) {
    const file = await new Promise<File>((resolve, reject) =>
      (entry as FileSystemFileEntry).file(resolve, reject),
    )
    found.push({ path, file })
    return
  }
  const reader = (entry as FileSystemDirectoryEntry).createReader()
  for (;;) {
    const some = await new Promise<FileSystemEntry[]>((resolve, reject) =>
      reader.readEntries(resolve, reject),
    )
    if (some.length === 0) return
    for (const each of some) await walk(each, `${path}/`, found, depth + 1)
  }
}
