import { atDoor, type Board, grown, here, medianAndP99, quantile, rate } from './board.ts'
import { saturationRow } from './saturation-row.ts'

const nobodyDenied = 'None: nobody is denied'
/** In place of a quantile of nothing, which is NaN. */
const nobodyCame = '–'

/** Are logins healthy, and if not, where to look. */
export const overviewBoard: Board = {
  uid: 'sekisho-logins',
  title: 'Sekisho: logins',
  description:
    'Whether logins are healthy: the first row says it, the others say where to look. Denials in detail, pushes and other CAs: Sekisho: denials and revocations.',
  file: 'overview.json',
  rows: [
    {
      title: 'Are logins healthy?',
      panels: [
        {
          title: 'Admitted',
          description:
            'Client certificates let in a second. Good: as usual for this hour; 0 at a busy hour means that nobody gets in.',
          kind: 'number',
          unit: 'suffix:/s',
          queries: [
            { expr: `sum(${rate('sekisho_verdicts_total', `${atDoor},verdict="permitted"`)})`, legend: 'admitted' },
          ],
        },
        {
          title: 'Denied',
          description:
            'Share of connections whose certificate is refused. Good: a few percent, from people who pick an old certificate; a jump means a revocation, an expired CA or a wrong directory.',
          kind: 'number',
          unit: 'percentunit',
          limits: { warn: 0.1, bad: 0.3 },
          whenEmpty: nobodyCame,
          queries: [
            {
              expr: `sum(${rate('sekisho_verdicts_total', `${atDoor},verdict!="permitted"`)}) / (sum(${rate('sekisho_verdicts_total', atDoor)}) > 0)`,
              legend: 'denied',
            },
          ],
        },
        {
          title: 'Handshake p99',
          description: 'From TCP accept to the completed TLS handshake, 99 of 100 are faster. Good: below 0.5 s.',
          kind: 'number',
          unit: 's',
          limits: { warn: 0.5, bad: 2 },
          whenEmpty: nobodyCame,
          queries: [
            { expr: `${quantile(0.99, 'sekisho_handshake_duration_seconds', '', atDoor)} >= 0`, legend: 'p99' },
          ],
        },
        {
          title: 'Request p99',
          description:
            'From the first byte of a request to the end of its response, with the time of the application. Good: as the application is alone.',
          kind: 'number',
          unit: 's',
          limits: { warn: 1, bad: 5 },
          whenEmpty: nobodyCame,
          queries: [
            {
              // Refusals are answered at once: many of them would hide a slow application.
              expr: `${quantile(0.99, 'sekisho_request_duration_seconds', '', `${here},route!="refused"`)} >= 0`,
              legend: 'p99',
            },
          ],
        },
        {
          title: 'Application reachable',
          description:
            'Share of the targets of all upstreams that data workers use. Good: 100 %; less means targets that fail or are left out after failures.',
          kind: 'number',
          unit: 'percentunit',
          limits: { warn: 1, bad: 0.5 },
          queries: [
            {
              expr: `sum(sekisho_upstream_target_state{${here},state="available"}) / sum(sekisho_upstream_target_state{${here}})`,
              legend: 'reachable',
            },
          ],
        },
        {
          title: 'Age of trust data',
          description:
            'Time since the slowest gateway last heard of the store of revocations. Good: below 10 s. At revocation.maxStalenessSeconds, 300 by default, that gateway denies everybody.',
          kind: 'number',
          unit: 's',
          limits: { warn: 30, bad: 120 },
          queries: [{ expr: `max(sekisho_revocation_data_age_seconds{${here}})`, legend: 'age' }],
        },
        {
          title: 'Gateways that answer',
          description: 'Share of the gateways that Prometheus can scrape. Good: 100 %.',
          kind: 'number',
          unit: 'percentunit',
          limits: { warn: 1, bad: 0.75 },
          queries: [{ expr: `avg(up{${here}})`, legend: 'up' }],
        },
        {
          title: 'Connections',
          description: 'Client connections open now. Good: far below limits.connectionsMax for each gateway.',
          kind: 'number',
          unit: 'short',
          queries: [{ expr: `sum(sekisho_connections_open{${atDoor}})`, legend: 'open' }],
        },
        {
          title: 'Admitted by door',
          description: 'Client certificates let in a second. Good: the curve of the day, alike on all doors.',
          kind: 'lines',
          unit: 'suffix:/s',
          queries: [
            {
              expr: `sum by (door) (${rate('sekisho_verdicts_total', `${atDoor},verdict="permitted"`)})`,
              legend: '{{door}}',
            },
          ],
        },
        {
          title: 'Denied by reason',
          description:
            'Certificates refused a second, by the reason that the user was told. Good: low and mixed; one colour that grows names the cause.',
          kind: 'bars',
          unit: 'suffix:/s',
          whenEmpty: nobodyDenied,
          queries: [
            {
              expr: `sum by (verdict) (${rate('sekisho_verdicts_total', `${atDoor},verdict!="permitted"`)}) > 0`,
              legend: '{{verdict}}',
            },
          ],
        },
        {
          title: 'Password logins, as the application tells',
          description:
            'The gateway cannot see whether a password was right: the application tells it in a header of its answer. Good: many accepted, few refused or locked. Nothing at all: the application does not tell.',
          kind: 'areas',
          unit: 'suffix:/s',
          queries: [
            {
              expr: `sum by (result) (${rate('sekisho_app_logins_total', atDoor)})`,
              legend: '{{result}}',
            },
          ],
        },
      ],
    },
    {
      title: 'Handshakes and latency',
      panels: [
        {
          title: 'Handshakes by result',
          description:
            'TLS handshakes ended a second. Good: nearly all completed. failed: client and door find no common ground; timeout: slow or hostile clients; refused_limit: a limit on connections is reached.',
          kind: 'areas',
          unit: 'suffix:/s',
          queries: [{ expr: `sum by (result) (${rate('sekisho_handshakes_total', atDoor)})`, legend: '{{result}}' }],
        },
        {
          title: 'Handshake latency',
          description:
            'From TCP accept to the completed handshake. Good: p99 below 0.5 s. It rises with far clients, and with too little CPU.',
          kind: 'lines',
          unit: 's',
          queries: medianAndP99('sekisho_handshake_duration_seconds', 'door', '{{door}}', atDoor),
        },
        {
          title: 'Request latency by route',
          description:
            'From the first byte of a request to the end of its response. Good: as beside it, where the application alone is timed.',
          kind: 'lines',
          unit: 's',
          queries: [{ expr: quantile(0.99, 'sekisho_request_duration_seconds', 'route'), legend: '{{route}} p99' }],
        },
        {
          title: 'Requests by status',
          description:
            'Requests ended a second, by class of the status. Good: 2xx and 3xx. 5xx: see faults; none: clients that left before an answer.',
          kind: 'areas',
          unit: 'suffix:/s',
          queries: [{ expr: `sum by (status_class) (${rate('sekisho_requests_total')})`, legend: '{{status_class}}' }],
        },
        {
          title: 'Faults by code',
          description:
            'Whatever else ended a request or a connection. Good: none, or few that are of clients. The table of faults in the documents says whose each one is.',
          kind: 'bars',
          unit: 'suffix:/s',
          whenEmpty: 'None: no request or connection ended by a fault',
          queries: [{ expr: `sum by (code) (${rate('sekisho_faults_total')}) > 0`, legend: '{{code}}' }],
        },
        {
          title: 'Connections by door',
          description:
            'Client connections open now. Good: the curve of the day; a cliff is a restart, a cut or a network.',
          kind: 'areas',
          unit: 'short',
          queries: [{ expr: `sum by (door) (sekisho_connections_open{${atDoor}})`, legend: '{{door}}' }],
        },
      ],
    },
    {
      title: 'Application behind the gateway',
      panels: [
        {
          title: 'Targets not in use',
          description:
            'Data workers that leave out a target: ejected after failures in a row, unhealthy after health checks. Good: none.',
          kind: 'bars',
          unit: 'short',
          whenEmpty: 'None: every target is in use',
          queries: [
            {
              expr: `sum by (upstream, target, state) (sekisho_upstream_target_state{${here},state!="available"}) > 0`,
              legend: '{{upstream}} {{target}} {{state}}',
            },
          ],
        },
        {
          title: 'Failures by fault',
          description: 'Exchanges with the application that failed a second. Good: none.',
          kind: 'bars',
          unit: 'suffix:/s',
          whenEmpty: 'None: the application answers',
          queries: [
            {
              expr: `sum by (upstream, fault) (${rate('sekisho_upstream_failures_total')}) > 0`,
              legend: '{{upstream}} {{fault}}',
            },
          ],
        },
        {
          title: 'Response of the application',
          description:
            'From sending a request to the head of the response. Good: steady. This is the time of the application and of the network to it alone.',
          kind: 'lines',
          unit: 's',
          queries: medianAndP99('sekisho_upstream_response_seconds', 'upstream', '{{upstream}}'),
        },
        {
          title: 'Connections to the application',
          description: 'Good: those in use stay far below connectionsMax of the upstream, and nothing waits.',
          kind: 'lines',
          unit: 'short',
          queries: [
            {
              expr: `sum by (upstream) (sekisho_upstream_connections{${here},state="in_use"})`,
              legend: '{{upstream}} in use',
            },
            { expr: `sum by (upstream) (sekisho_upstream_queue{${here}})`, legend: '{{upstream}} waiting' },
          ],
        },
        {
          title: 'Times a target was left out',
          description: 'In the time that is looked at, by all data workers. Good: 0 for every target.',
          kind: 'lengths',
          unit: 'short',
          limits: { warn: 1, bad: 10 },
          queries: [
            { expr: grown('sekisho_upstream_ejections_total', 'upstream, target'), legend: '{{upstream}} {{target}}' },
          ],
        },
        {
          title: 'WebSockets and streams',
          description:
            'Open now. Good: the curve of the day; WebSockets that only rise are never closed by the application.',
          kind: 'lines',
          unit: 'short',
          queries: [
            { expr: `sum(sekisho_upgrades_open{${here}})`, legend: 'WebSockets' },
            { expr: `sum(sekisho_http2_streams_open{${atDoor}})`, legend: 'HTTP/2 streams' },
          ],
        },
      ],
    },
    {
      title: 'Revocation',
      panels: [
        {
          title: 'Age of trust data by gateway',
          description:
            'Time since each gateway last heard of the store. Good: flat, below 10 s. A line that climbs is a gateway that is cut off; at revocation.maxStalenessSeconds it denies everybody.',
          kind: 'lines',
          unit: 's',
          limits: { warn: 30, bad: 120 },
          queries: [
            { expr: `max by (instance) (sekisho_revocation_data_age_seconds{${here}})`, legend: '{{instance}}' },
          ],
        },
        {
          title: 'From the store to every worker',
          description:
            'Time from when the store took a revocation until all workers of a gateway apply it. Good: p99 below 1 s. No line: nothing was revoked.',
          kind: 'lines',
          unit: 's',
          queries: medianAndP99('sekisho_revocation_apply_seconds', '', ''),
        },
        {
          title: 'Cuts by reason',
          description:
            'Live connections ended because their certificate no longer counts. Good: only after a push, a suspension or an expiry.',
          kind: 'bars',
          unit: 'suffix:/s',
          whenEmpty: 'None: no live connection was cut',
          queries: [{ expr: `sum by (reason) (${rate('sekisho_cuts_total', atDoor)}) > 0`, legend: '{{reason}}' }],
        },
      ],
    },
    {
      title: 'Certificates and notices',
      panels: [
        {
          title: 'Certificates of users that expire, by week',
          description:
            'Certificates in use by the weeks they have left: 0 are the next seven days. Good: 0 and 1 are low, because users have renewed; a tall bar is work for the helpdesk. No numbers: no directory is kept here, or nothing was counted yet.',
          kind: 'lengths',
          unit: 'short',
          inOrder: true,
          queries: [
            {
              // Two digits, so that week 10 does not stand before week 2.
              expr: `label_replace(max by (week) (sekisho_certificates_expiring{${here}}), "week", "0$1", "week", "(.)")`,
              legend: 'week {{week}}',
            },
          ],
        },
        {
          title: 'Certificates of doors and CAs: days left',
          belowZero: true,
          description:
            'Until a server certificate, a client certificate that this gateway shows, or an issuing CA expires. Good: more than 30 days.',
          kind: 'lengths',
          unit: 'd',
          limits: { warn: 30, bad: 7 },
          queries: [
            { expr: `min by (kind, name) (sekisho_certificate_days_left{${here}})`, legend: '{{kind}} {{name}}' },
          ],
        },
        {
          title: 'Mails',
          description:
            'Notices of expiry. Good: sent follows what is due, nothing is dead, and what waits goes down again. Empty lines at 0: no notices are configured.',
          kind: 'lines',
          unit: 'short',
          queries: [
            { expr: `max by (state) (sekisho_mails_kept{${here}})`, legend: 'now {{state}}' },
            { expr: grown('sekisho_mails_total', 'result'), legend: '{{result}} in this time' },
          ],
        },
      ],
    },
    saturationRow,
  ],
}
