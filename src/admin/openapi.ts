import { z } from 'zod'
import { faults } from '../base/errors.ts'
import type { AdminRoute, RouteDocs } from './admin-call.ts'

/** The part of an OpenAPI 3.1 document that is made here. */
export type OpenApiDocument = {
  readonly openapi: '3.1.0'
  readonly info: object
  readonly paths: Readonly<Record<string, Readonly<Record<string, Operation>>>>
  readonly components: object
}

type Operation = {
  readonly operationId: string
  readonly summary: string
  readonly security: readonly Readonly<Record<string, readonly string[]>>[]
  readonly 'x-sekisho-roles': readonly string[]
  readonly parameters: readonly object[]
  readonly requestBody?: object
  readonly responses: Readonly<Record<string, object>>
}

type JsonSchema = Readonly<Record<string, unknown>>

const scheme = 'operatorCertificate'
const jsonType = 'application/json'

const problem = z
  .object({
    type: z.string(),
    title: z.string(),
    status: z.number(),
    detail: z.string(),
    code: z.enum(Object.keys(faults) as [string, ...string[]]),
    requestId: z.string(),
    path: z.string().optional().describe('Where in the request the fault lies'),
  })
  .describe('Problem details (RFC 9457)')

/** The admin API as an OpenAPI 3.1 document, from the routes and the schemas that check their requests. */
export function describeOpenApi(routes: readonly AdminRoute[], version: string): OpenApiDocument {
  const paths: Record<string, Record<string, Operation>> = {}
  for (const route of routes) {
    const operations = paths[route.path] ?? {}
    operations[route.method.toLowerCase()] = describeOperation(route)
    paths[route.path] = operations
  }
  return {
    openapi: '3.1.0',
    info: {
      title: 'Sekisho admin API',
      version,
      description:
        'Operators show a certificate; its OU names their roles. Within /v1 routes and fields are only added.',
    },
    paths,
    components: {
      securitySchemes: {
        [scheme]: { type: 'mutualTLS', description: 'An operator certificate with one of the roles' },
      },
      schemas: { Problem: schemaOf(problem, 'output') },
    },
  }
}

function describeOperation({ method, path, roles, docs }: AdminRoute): Operation {
  const body = describeBody(docs)
  return {
    operationId: idOf(method, path),
    summary: docs.summary,
    // Any one of them is enough; 3.1 lets a requirement name roles.
    security: roles.map((role) => ({ [scheme]: [role] })),
    'x-sekisho-roles': roles,
    parameters: [...pathParameters(path), ...queryParameters(docs)],
    ...(body === undefined ? {} : { requestBody: body }),
    responses: {
      '200': {
        description: 'Done',
        content: contentOf(docs.answerTypes ?? [jsonType], docs.answer && schemaOf(docs.answer, 'output')),
      },
      default: {
        description: 'Refused or failed',
        content: { 'application/problem+json': { schema: { $ref: '#/components/schemas/Problem' } } },
      },
    },
  }
}

/** `GET /v1/users/{loginId}/history` is `getUsersHistoryByLoginId`. */
function idOf(method: string, path: string): string {
  const parts = path.split('/').slice(2)
  const words = parts.filter((part) => !part.startsWith('{')).flatMap((part) => part.split(/[^A-Za-z0-9]+/))
  const names = parts.flatMap((part) => (part.startsWith('{') ? part.slice(1, -1) : []))
  const by = names.length === 0 ? '' : `By${names.map(capital).join('And')}`
  return `${method.toLowerCase()}${words.map(capital).join('')}${by}`
}

function capital(word: string): string {
  return `${word.slice(0, 1).toUpperCase()}${word.slice(1)}`
}

function pathParameters(path: string): object[] {
  return [...path.matchAll(/\{([^}]+)\}/g)].map(([, name]) => ({
    name,
    in: 'path',
    required: true,
    schema: { type: 'string' },
  }))
}

function queryParameters({ query }: RouteDocs): object[] {
  if (query === undefined) return []
  const { properties = {}, required = [] } = schemaOf(query, 'input') as {
    properties?: Readonly<Record<string, JsonSchema>>
    required?: readonly string[]
  }
  return Object.entries(properties).map(([name, { description, ...schema }]) => ({
    name,
    in: 'query',
    required: required.includes(name),
    ...(description === undefined ? {} : { description }),
    schema,
  }))
}

function describeBody({ body, bodyTypes }: RouteDocs): object | undefined {
  const types = bodyTypes ?? (body === undefined ? [] : [jsonType])
  if (types.length === 0) return undefined
  return { required: true, content: contentOf(types, body && schemaOf(body, 'input')) }
}

/** What is no JSON has bytes for a schema, which 3.1 leaves out. */
function contentOf(types: readonly string[], schema: JsonSchema = { type: 'object' }): object {
  return Object.fromEntries(types.map((type) => [type, /json$/.test(type) ? { schema } : {}]))
}

/** `$schema` is said once for the document: 3.1 means JSON Schema 2020-12. */
function schemaOf(schema: z.ZodType, io: 'input' | 'output'): JsonSchema {
  const { $schema: _, ...rest } = z.toJSONSchema(schema, { io, unrepresentable: 'any', target: 'draft-2020-12' })
  return rest
}
