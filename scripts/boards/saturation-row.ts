import { type Board, grown, here, rate } from './board.ts'

/** How much room is left. */
export const saturationRow: Board['rows'][number] = {
  title: 'Saturation',
  panels: [
    {
      title: 'Event loop delay',
      description: 'How late a thread runs, p99. Good: below 0.1 s. Above, the gateway needs more workers or cores.',
      kind: 'lines',
      unit: 's',
      limits: { warn: 0.1, bad: 0.5 },
      queries: [
        {
          expr: `max by (instance, thread) (sekisho_event_loop_delay_seconds{${here},statistic="p99"})`,
          legend: '{{instance}} {{thread}}',
        },
      ],
    },
    {
      title: 'CPU',
      description: 'Cores that a gateway keeps busy. Good: below 70 % of what the machine has.',
      kind: 'lines',
      unit: 'suffix: cores',
      queries: [{ expr: `sum by (instance) (${rate('process_cpu_seconds_total')})`, legend: '{{instance}}' }],
    },
    {
      title: 'Memory',
      description: 'Resident memory of a gateway, and in it the revocation index. Good: flat from day to day.',
      kind: 'lines',
      unit: 'bytes',
      queries: [
        { expr: `sum by (instance) (process_resident_memory_bytes{${here}})`, legend: '{{instance}}' },
        {
          expr: `sum by (instance) (sekisho_revocation_index_bytes{${here}})`,
          legend: '{{instance}} revocation index',
        },
      ],
    },
    {
      title: 'Open files',
      description: 'Share of the limit of open files; each connection takes one or two. Good: below 70 %.',
      kind: 'lines',
      unit: 'percentunit',
      limits: { warn: 0.7, bad: 0.9 },
      queries: [
        {
          expr: `max by (instance) (process_open_fds{${here}} / process_max_fds{${here}})`,
          legend: '{{instance}}',
        },
      ],
    },
    {
      title: 'Workers',
      description: 'Data workers that run, and starts after one ended unexpectedly. Good: as configured, and none.',
      kind: 'lines',
      unit: 'short',
      queries: [
        { expr: `sum by (instance) (sekisho_workers{${here}})`, legend: '{{instance}}' },
        { expr: grown('sekisho_worker_restarts_total', 'instance'), legend: '{{instance}} restarts in this time' },
      ],
    },
    {
      title: 'Log lines lost',
      description: 'Because a log could not be written fast enough: disk full or slow. Good: 0, above all for audit.',
      kind: 'lines',
      unit: 'suffix:/s',
      queries: [
        { expr: `sum(${rate('sekisho_audit_records_dropped_total')})`, legend: 'audit' },
        { expr: `sum(${rate('sekisho_access_log_dropped_total')})`, legend: 'access' },
      ],
    },
  ],
}
