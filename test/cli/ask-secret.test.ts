// Goal: what is typed at the terminal is taken whole and never shown. Method: a terminal that writes down its mode, and keys as bytes.
import { EventEmitter } from 'node:events'
import t from 'tap'
import { askSecret } from '../../src/cli/ask-secret.ts'
import { CommandError } from '../../src/cli/command-context.ts'

class FakeTerminal extends EventEmitter {
  readonly modes: boolean[] = []
  flowing = false

  setRawMode(raw: boolean): void {
    this.modes.push(raw)
  }
  resume(): void {
    this.flowing = true
  }
  pause(): void {
    this.flowing = false
  }
}

function askAt() {
  const terminal = new FakeTerminal()
  let written = ''
  const answer = askSecret('Password: ', terminal, (text) => {
    written += text
  })
  const type = (...keys: (string | number[])[]) => {
    for (const key of keys) terminal.emit('data', Buffer.from(key as string))
  }
  return { terminal, answer, type, written: () => written }
}

t.test('a line is taken up to its end, and nothing of it is shown', async (t) => {
  const { terminal, answer, type, written } = askAt()
  type('se', 'ki', 'sho\r', 'more')
  t.equal(await answer, 'sekisho')
  t.equal(written(), 'Password: \n')
  t.same(terminal.modes, [true, false], 'the terminal is as it was')
  t.equal(terminal.flowing, false)
  t.equal(terminal.listenerCount('data'), 0)
})

t.test('a character may come in pieces, and is taken back whole', async (t) => {
  const { answer, type } = askAt()
  type([0xe6, 0x9a], [0x97], '証x', [0x7f], [0x08], '号\n')
  t.equal(await answer, '暗号')
})

t.test('taking back more than there is changes nothing, and Control-U takes back all', async (t) => {
  const { answer, type } = askAt()
  type([0x7f, 0x7f], 'wrong', [0x15], 'right\n')
  t.equal(await answer, 'right')
})

t.test('Control-C and an early Control-D cancel, and the terminal is as it was', async (t) => {
  for (const keys of [[0x61, 0x03], [0x04]]) {
    const { answer, type, terminal } = askAt()
    type(keys)
    await t.rejects(answer, CommandError)
    t.same(terminal.modes, [true, false])
  }
  const late = askAt()
  late.type('a', [0x04])
  t.equal(await late.answer, 'a')
})

t.test('a line without end is refused', async (t) => {
  const { answer, type } = askAt()
  type('x'.repeat(2_000))
  await t.rejects(answer, /more than 1024 characters/)
})
