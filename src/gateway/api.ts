import { authorityRoute } from './authority-route.ts'
import { bucketRoutes } from './bucket-api.ts'
import { consoleRoutes } from './console/console-routes.ts'
import { eventRoute } from './event-stream.ts'
import { keyRoutes } from './key-api.ts'
import { kvRoutes } from './kv-api.ts'
import { linkRoutes } from './link-api.ts'
import { metricsRoute } from './metrics-route.ts'
import { objectRoutes } from './object-api.ts'
import { byteRoutes } from './object-bytes.ts'
import { openApiOf } from './openapi/document.ts'
import type { Schema } from './openapi/schema.ts'
import { peerRoutes } from './peer-api.ts'
import { rangeRoutes } from './range-api.ts'
import { rosterRoutes } from './roster-api.ts'
import { ok, type Route, Router } from './route.ts'
import { sessionRoutes } from './session-api.ts'
import { upkeepRoutes } from './upkeep-api.ts'
import { uploadRoutes } from './upload-api.ts'

/** Its own description. Made once, when somebody first asks. */
const openApiRoute: Route = {
  method: 'GET',
  path: '/api/v1/openapi.json',
  run: async () => ok((openApi ??= openApiOf(api.routes))),
}
let openApi: Schema | undefined

/** Everything the JSON API answers, and the bytes of objects. */
export const api: Router = new Router([
  openApiRoute,
  ...sessionRoutes,
  ...peerRoutes,
  ...rosterRoutes,
  ...kvRoutes,
  ...keyRoutes,
  ...bucketRoutes,
  ...objectRoutes,
  ...linkRoutes,
  ...byteRoutes,
  ...uploadRoutes,
  ...upkeepRoutes,
  ...rangeRoutes,
  authorityRoute,
  eventRoute,
  metricsRoute,
  ...consoleRoutes,
])
