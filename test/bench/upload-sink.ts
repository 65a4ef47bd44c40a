/** Takes uploads on the port that is its argument: 200 when the body has the length that the query names, else 400. */
import { createServer } from 'node:http'

const server = createServer((request, response) => {
  const wanted = Number(new URL(request.url ?? '/', 'http://sink').searchParams.get('bytes'))
  let bytes = 0
  request.on('data', (part: Buffer) => {
    bytes += part.length
  })
  request.on('end', () => {
    const text = `${bytes}\n`
    response.writeHead(bytes === wanted ? 200 : 400, { 'Content-Length': text.length }).end(text)
  })
})
server.requestTimeout = 0
server.keepAliveTimeout = 300_000
process.on('disconnect', () => process.exit(0))
server.listen({ host: '127.0.0.1', port: Number(process.argv[2]), backlog: 1_024 })
