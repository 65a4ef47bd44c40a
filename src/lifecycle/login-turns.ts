import { GatewayError } from '../base/errors.ts'

/** Who waits for a turn with the same name; one more is refused. */
const waitingMax = 10

type Turn = { last: Promise<unknown>; waiting: number }

/** By what the turns are about, so that two gateways in one process have their own. */
const turnsOf = new WeakMap<object, Map<string, Turn>>()

/**
 * Runs tasks of the same name one after the other, in the order in which they came. Throws GatewayError `login_throttled` if ten are
 * waiting already.
 */
export async function inTurn<T>(owner: object, name: string, task: () => Promise<T>): Promise<T> {
  const turns = turnsOf.get(owner) ?? new Map<string, Turn>()
  turnsOf.set(owner, turns)
  const turn = turns.get(name) ?? { last: Promise.resolve(), waiting: 0 }
  if (turn.waiting > waitingMax) {
    throw new GatewayError(
      'login_throttled',
      `Cannot check the password as ${waitingMax} others of the login ID are waiting`,
    )
  }
  turns.set(name, turn)
  turn.waiting++
  const result = turn.last.then(task)
  turn.last = result.catch(() => undefined)
  try {
    return await result
  } finally {
    turn.waiting--
    if (turn.waiting === 0) turns.delete(name)
  }
}
