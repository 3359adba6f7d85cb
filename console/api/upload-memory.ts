/** Which uploads were begun and not completed, by the names of their files, across visits. */
const KEY = 'holdfast-uploads'
const UPLOADS_MAX = 100

export const rememberedUpload = (name: string): string | undefined => read().get(name)

/** Forgets it if there is no upload; the oldest go when there are too many. */
export function rememberUpload(name: string, upload: string | undefined): void {
  const all = read()
  all.delete(name)
  if (upload !== undefined) all.set(name, upload)
  localStorage.setItem(KEY, JSON.stringify([...all].slice(-UPLOADS_MAX)))
}

function read(): Map<string, string> {
  try {
    return new Map(JSON.parse(localStorage.getItem(KEY) ?? '[]') as [string, string][])
  } catch {
    // Somebody else wrote there; an upload that is not remembered begins anew.
    return new Map()
  }
}
