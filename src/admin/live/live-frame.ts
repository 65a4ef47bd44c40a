import type { OperatorRole } from '../operator.ts'
import type { LiveAudience, LiveMessage, LiveRefusal, LiveState } from './live-message.ts'

/** The branch needs to know who was refused and why, not from where. */
export function audienceOf({ roles }: { readonly roles: readonly OperatorRole[] }): LiveAudience {
  return roles.every((role) => role === 'branch') ? 'branch' : 'all'
}

/** A message as text/event-stream has it. */
export function frameOf(message: LiveMessage, audience: LiveAudience): string {
  const { event, data } = audience === 'branch' ? withoutAddresses(message) : message
  return `event: ${event}\ndata: ${JSON.stringify(data)}\n\n`
}

function withoutAddresses(message: LiveMessage): LiveMessage {
  switch (message.event) {
    case 'snapshot': {
      const { state, refused } = message.data
      return {
        ...message,
        data: { ...message.data, state: withoutTargets(state), refused: refused.map(withoutAddress) },
      }
    }
    case 'tick':
      return { ...message, data: { ...message.data, state: withoutTargets(message.data.state) } }
    case 'refused':
      return { ...message, data: withoutAddress(message.data) }
    case 'pushed':
      return message
  }
}

function withoutAddress({ address: _, ...refusal }: LiveRefusal): LiveRefusal {
  return refusal
}

/** Targets are named by their addresses; their places in the list stay. */
function withoutTargets(state: LiveState): LiveState {
  return {
    ...state,
    targets: state.targets.map((target, position) => ({ ...target, target: `#${position + 1}` })),
    alarms: state.alarms.map(({ target: _, ...alarm }) => alarm),
  }
}
