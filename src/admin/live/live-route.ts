import type { AdminCall, AdminRoute, AdminServices } from '../admin-call.ts'
import { operatorRoles } from '../operator.ts'
import { readQuery } from '../request-body.ts'
import { emptyQuery } from '../request-schemas.ts'
import { StreamedAnswer } from '../send-answer.ts'
import { audienceOf } from './live-frame.ts'

/** The time after which browsers' own readers of such streams come back. Unit: milliseconds. */
const opening = 'retry: 2000\n\n'

/** `GET /v1/live`: server-sent events (HTML Living Standard 9.2). */
export const liveRoute: AdminRoute = {
  method: 'GET',
  path: '/v1/live',
  roles: operatorRoles,
  streams: true,
  handle: showLive,
  docs: {
    summary: 'What happens at this gateway, as server-sent events: snapshot, then tick, refused, pushed',
    answerTypes: ['text/event-stream'],
  },
}

async function showLive(call: AdminCall, services: AdminServices): Promise<StreamedAnswer> {
  readQuery(call.query, emptyQuery)
  return new StreamedAnswer(
    tellLive(call, services),
    (problem) => `event: problem\ndata: ${JSON.stringify(problem)}\n\n`,
    {
      contentType: 'text/event-stream; charset=utf-8',
      textOf: String,
    },
  )
}

/** Whoever must not look any more is not told the next event: the operator's certificate is judged before each. */
async function* tellLive(call: AdminCall, { live }: AdminServices): AsyncGenerator<string> {
  if (call.request.method === 'HEAD') return
  const viewer = live.join(audienceOf(call.operator))
  const close = () => viewer.close()
  call.closing.addEventListener('abort', close)
  try {
    if (call.closing.aborted) return
    yield opening
    for (let text = await viewer.next(); text !== undefined; text = await viewer.next()) {
      call.judgeAgain()
      yield text
    }
  } finally {
    call.closing.removeEventListener('abort', close)
    live.leave(viewer)
  }
}
