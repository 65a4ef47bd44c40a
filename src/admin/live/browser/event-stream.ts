/** One event of the stream. */
export type StreamEvent = { readonly event: string; readonly data: unknown }

/** `lost`: it is tried again; `refused`: the certificate is not accepted; `full`: too many are looking, it is tried again. */
export type StreamTrouble = 'lost' | 'refused' | 'full'

export type StreamOptions = {
  readonly address: string
  readonly heard: (event: StreamEvent) => void
  readonly trouble: (trouble: StreamTrouble) => void
}

/** Ticks come each second: after so long without anything the connection is dead. Unit: milliseconds. */
const silenceMaxMs = 6_000
const pauseMs = 1_000
const pauseMaxMs = 10_000
const fullPauseMs = 5_000

/**
 * Reads server-sent events for ever, and comes back whenever the connection ends. Not by EventSource, which tells neither why it was
 * refused nor that a connection is silent.
 */
export async function followStream(options: StreamOptions): Promise<void> {
  let failures = 0
  for (;;) {
    const end = await readOnce(options)
    if (end.heard) failures = 0
    options.trouble(end.trouble)
    if (end.trouble === 'full') await wait(fullPauseMs)
    // A certificate that is not accepted now may be after another choice, or with a new configuration.
    else await wait(Math.min(pauseMs * 2 ** failures++, pauseMaxMs))
  }
}

async function readOnce({ address, heard }: StreamOptions): Promise<{ trouble: StreamTrouble; heard: boolean }> {
  const controller = new AbortController()
  let timer = setTimeout(() => controller.abort(), silenceMaxMs)
  let trouble: StreamTrouble = 'lost'
  let hasHeard = false
  try {
    const response = await fetch(address, { signal: controller.signal, headers: { Accept: 'text/event-stream' } })
    if (!response.ok) return { trouble: troubleOf(await response.json()), heard: false }
    if (response.body === null) return { trouble, heard: false }
    const reader = response.body.pipeThrough(new TextDecoderStream()).getReader()
    let text = ''
    for (let part = await reader.read(); !part.done; part = await reader.read()) {
      clearTimeout(timer)
      timer = setTimeout(() => controller.abort(), silenceMaxMs)
      text += part.value
      const frames = text.split('\n\n')
      text = frames.pop() ?? ''
      for (const event of frames.flatMap(readFrame)) {
        hasHeard = true
        if (event.event === 'problem') trouble = troubleOf(event.data)
        else heard(event)
      }
    }
  } catch {
    // Whatever it was, it ended.
  } finally {
    clearTimeout(timer)
    controller.abort()
  }
  return { trouble, heard: hasHeard }
}

/** What the problem details of an answer, or at the end of a stream, mean for the viewer. */
function troubleOf(problem: unknown): StreamTrouble {
  const { code } = problem as { code?: string }
  if (code === 'admin_unauthenticated' || code === 'admin_role_missing') return 'refused'
  return code === 'admin_viewers_limit' ? 'full' : 'lost'
}

/** Comments and frames without data say nothing but that somebody is there. */
function readFrame(frame: string): StreamEvent[] {
  const field = (name: string) =>
    frame
      .split('\n')
      .filter((line) => line.startsWith(`${name}: `))
      .map((line) => line.slice(name.length + 2))
      .join('\n')
  const data = field('data')
  return data === '' ? [] : [{ event: field('event'), data: JSON.parse(data) as unknown }]
}

function wait(durationMs: number): Promise<void> {
  return new Promise((resolve) => setTimeout(resolve, durationMs))
}
