// Goal: the OpenAPI document says what the door does. Method: compare the document that a real door serves with the table of routes, both
// ways, and put to the door what the document rules out.
import t from 'tap'
import { adminRoutes } from '../../src/admin/routes.ts'
import { withAdmin } from './with-admin.ts'

type Operation = {
  operationId: string
  summary: string
  security: Record<string, string[]>[]
  'x-sekisho-roles': string[]
  parameters: { name: string; in: string; required: boolean; schema: object }[]
  requestBody?: { required: boolean; content: Record<string, { schema?: object }> }
  responses: Record<string, { description: string; content: Record<string, { schema?: object }> }>
}
type Document = {
  openapi: string
  info: { title: string; version: string }
  paths: Record<string, Record<string, Operation>>
  components: { schemas: Record<string, object>; securitySchemes: Record<string, { type: string }> }
}

t.test('the document and the routes agree both ways', async (t) => {
  const { call } = await withAdmin(t)
  const { status, body } = await call('GET', '/v1/openapi.json')
  t.equal(status, 200)
  const document = body as Document
  t.match(document, { openapi: /^3\.1\.\d+$/, info: { title: 'Sekisho admin API', version: '0.1.0' } })
  const described = Object.entries(document.paths).flatMap(([path, operations]) =>
    Object.keys(operations).map((method) => `${method.toUpperCase()} ${path}`),
  )
  const routed = adminRoutes.map(({ method, path }) => `${method} ${path}`)
  t.strictSame(described.toSorted(), routed.toSorted())
  t.equal(new Set(routed).size, routed.length, 'no route stands there twice')
  for (const route of adminRoutes) {
    const operation = document.paths[route.path]?.[route.method.toLowerCase()]
    const name = `${route.method} ${route.path}`
    t.strictSame(operation?.['x-sekisho-roles'], route.roles, name)
    t.strictSame(
      operation?.security,
      route.roles.map((role) => ({ operatorCertificate: [role] })),
      name,
    )
    const inPath = operation?.parameters.filter((parameter) => parameter.in === 'path').map(({ name }) => `{${name}}`)
    t.strictSame(
      inPath,
      route.path.split('/').filter((part) => part.startsWith('{')),
      name,
    )
    const inQuery = operation?.parameters.filter((parameter) => parameter.in === 'query').map(({ name }) => name)
    t.strictSame(inQuery, Object.keys(route.docs.query?.shape ?? {}), name)
    t.ok(route.path.startsWith('/v1/'), name)
  }
})

t.test('it has the shape of OpenAPI 3.1', async (t) => {
  const { call } = await withAdmin(t)
  const document = (await call('GET', '/v1/openapi.json')).body as Document
  const ids = new Set<string>()
  for (const [path, operations] of Object.entries(document.paths)) {
    for (const [method, operation] of Object.entries(operations)) {
      const name = `${method} ${path}`
      t.match(method, /^(get|put|post|delete)$/)
      t.match(operation.operationId, /^[a-z][A-Za-z0-9]+$/, name)
      t.notOk(ids.has(operation.operationId), `${operation.operationId} is unique`)
      ids.add(operation.operationId)
      t.ok(operation.summary.length > 0 && operation.summary.length <= 120, name)
      const parameters = operation.parameters.map((parameter) => `${parameter.in} ${parameter.name}`)
      t.equal(new Set(parameters).size, parameters.length, name)
      for (const parameter of operation.parameters) {
        t.type(parameter.schema, 'object')
        if (parameter.in === 'path') t.equal(parameter.required, true, name)
      }
      t.match(operation.responses, { 200: { description: String }, default: { description: String } }, name)
      if (method === 'get' || method === 'delete') t.equal(operation.requestBody, undefined, name)
      const bodies = [operation.requestBody, ...Object.values(operation.responses)]
      for (const body of bodies)
        for (const type of Object.keys(body?.content ?? {})) t.match(type, /^[a-z]+\/[a-z0-9.+-]+$/)
    }
  }
  const refs = [...JSON.stringify(document).matchAll(/"\$ref":"([^"]+)"/g)].map(([, ref]) => ref)
  t.strictSame([...new Set(refs)], ['#/components/schemas/Problem'], 'every reference leads somewhere')
  t.ok(document.components.schemas.Problem)
  t.equal(document.components.securitySchemes.operatorCertificate?.type, 'mutualTLS')
  t.notMatch(JSON.stringify(document), /"\$schema"/)
})

t.test('what the document does not name is refused: other query parameters, other fields of a body', async (t) => {
  const { call } = await withAdmin(t)
  for (const { method, path, roles, docs } of adminRoutes) {
    const target = path.replaceAll(/\{[^}]+\}/g, 'x')
    const certificate = (await import('./with-admin.ts')).operators[roles[0] ?? 'security']
    const types = docs.bodyTypes ?? ['application/json']
    const headers = { 'Content-Type': types[0] ?? '' }
    const surplus = await call(method, `${target}?surplus=1`, { certificate, headers })
    t.match(surplus, { status: 400, body: { detail: /surplus/ } }, `${method} ${path}`)
    if (docs.body === undefined || types[0] !== 'application/json') continue
    const odd = await call(method, target, { certificate, json: { surplusField: 1 } })
    t.match(odd, { status: 400, body: { detail: /surplusField/ } }, `${method} ${path}`)
  }
})
