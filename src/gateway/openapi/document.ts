import { programVersion } from '../../node/version.ts'
import type { Route } from '../route.ts'
import { type Description, descriptions } from './descriptions.ts'
import { type Schema, text } from './schema.ts'
import { failure } from './shapes.ts'

const media: Readonly<Record<string, string>> = {
  bytes: 'application/octet-stream',
  events: 'text/event-stream',
  html: 'text/html',
  metrics: 'text/plain',
}
const problem = { description: 'An error', content: { 'application/json': { schema: failure } } }

/** The API as OpenAPI 3.1 describes one, made of its routes. */
export function openApiOf(routes: readonly Route[]): Schema {
  const paths: Record<string, Record<string, Schema>> = {}
  for (const route of routes) {
    const path = route.path.replaceAll(/[:*](\w+)/g, '{$1}')
    const operations = (paths[path] ??= {})
    operations[route.method.toLowerCase()] = operationOf(route)
  }
  return {
    openapi: '3.1.0',
    info: {
      title: 'Holdfast',
      version: programVersion(),
      description: 'One peer of a Holdfast network. A parameter `key` holds slashes as they are.',
    },
    paths,
    components: { securitySchemes: { token: { type: 'http', scheme: 'bearer' } } },
    security: [{ token: [] }],
  }
}

function operationOf(route: Route): Schema {
  const description = descriptions[`${route.method} ${route.path}`]
  if (description === undefined) throw new Error(`nobody describes ${route.method} ${route.path}`)
  const { summary, body } = description
  const [success, content] = answerOf(description)
  return {
    summary,
    operationId: `${route.method.toLowerCase()}${route.path.replaceAll(/\W+/g, '_')}`,
    parameters: parametersOf(route, description),
    ...(body !== undefined && { requestBody: { content: contentOf(body) } }),
    responses: { [success]: { description: summary, ...content }, default: problem },
    ...(route.isPublic && { security: [] }),
  }
}

function answerOf({ answer = {}, status }: Description): [string, Schema] {
  return [String(status ?? 200), answer === 'nothing' ? {} : { content: contentOf(answer) }]
}

const contentOf = (what: Schema | string): Schema =>
  typeof what === 'string'
    ? { [media[what] ?? what]: {} }
    : { 'application/json': { schema: what } }

function parametersOf({ path }: Route, { query = {} }: Description): readonly Schema[] {
  const inPath = [...path.matchAll(/[:*](\w+)/g)].map(([, name = '']) => ({
    name,
    in: 'path',
    required: true,
    schema: text,
  }))
  const inQuery = Object.entries(query).map(([name, schema]) => ({ name, in: 'query', schema }))
  return [...inPath, ...inQuery]
}
