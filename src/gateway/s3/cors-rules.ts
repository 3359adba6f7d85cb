import { isLike } from './policy.ts'

/** Who may ask from which page, and what that page gets to see. */
export interface CorsRule {
  readonly id?: string | undefined
  readonly origins: readonly string[]
  readonly methods: readonly string[]
  readonly headers: readonly string[]
  readonly exposed: readonly string[]
  readonly maxAgeSeconds?: number | undefined
}

export interface CorsQuestion {
  readonly origin: string
  readonly method: string
  /** Of a preflight: what the page wants to send. */
  readonly headers?: readonly string[] | undefined
}

/** What a browser is told; undefined if no rule lets it. The first rule that does counts. */
export function corsHeaders(
  rules: readonly CorsRule[],
  question: CorsQuestion,
): Readonly<Record<string, string>> | undefined {
  const rule = rules.find(each => allows(each, question))
  if (rule === undefined) return undefined
  const isForAll = rule.origins.includes('*')
  return {
    'access-control-allow-origin': isForAll ? '*' : question.origin,
    'access-control-allow-methods': rule.methods.join(', '),
    ...(!isForAll && { 'access-control-allow-credentials': 'true' }),
    ...(question.headers !== undefined &&
      question.headers.length > 0 && {
        'access-control-allow-headers': question.headers.join(', '),
      }),
    ...(rule.exposed.length > 0 && { 'access-control-expose-headers': rule.exposed.join(', ') }),
    ...(rule.maxAgeSeconds !== undefined && {
      'access-control-max-age': String(rule.maxAgeSeconds),
    }),
    vary: 'Origin, Access-Control-Request-Headers, Access-Control-Request-Method',
  }
}

const allows = (rule: CorsRule, { origin, method, headers = [] }: CorsQuestion): boolean =>
  rule.methods.includes(method) &&
  rule.origins.some(pattern => isLike(origin, pattern)) &&
  headers.every(header =>
    rule.headers.some(pattern => isLike(header.toLowerCase(), pattern.toLowerCase())),
  )
