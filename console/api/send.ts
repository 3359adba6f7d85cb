import { type ApiError, csrfHeaders, errorOf } from './client.ts'

/** Sends bytes and tells how far it is, which `fetch` cannot. */
export interface SendOptions {
  readonly signal: AbortSignal
  readonly headers?: Readonly<Record<string, string>>
  readonly onProgress: (bytes: number) => void
}

/** @throws {ApiError} what the gateway answered; the reason of the signal if it aborts */
export function send<Answer>(url: string, body: Blob, options: SendOptions): Promise<Answer> {
  const { signal, headers = {}, onProgress } = options
  return new Promise((resolve, reject) => {
    signal.throwIfAborted()
    const request = new XMLHttpRequest()
    const cancel = (): void => request.abort()
    const end = (act: () => void): void => {
      signal.removeEventListener('abort', cancel)
      act()
    }
    signal.addEventListener('abort', cancel)
    request.upload.addEventListener('progress', ({ loaded }) => onProgress(loaded))
    request.addEventListener('abort', () => end(() => reject(signal.reason as Error)))
    request.addEventListener('error', () => end(() => reject(unreachable())))
    request.addEventListener('load', () =>
      end(() => {
        if (request.status >= 200 && request.status < 300)
          resolve(JSON.parse(request.responseText) as Answer)
        else reject(errorOf(request.status, request.responseText))
      }),
    )
    request.open('PUT', url)
    for (const [name, value] of Object.entries({ ...csrfHeaders(), ...headers }))
      request.setRequestHeader(name, value)
    request.send(body)
  })
}

const unreachable = (): ApiError => {
  const text = JSON.stringify({
    error: { code: 'UNREACHABLE', message: 'This peer does not answer.' },
  })
  return errorOf(0, text)
}
