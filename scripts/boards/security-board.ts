import { atDoor, type Board, grown, here, quantile, rate } from './board.ts'

const noForeignLists = 'No CRL of another CA is taken'
const noPublication = 'No CRL is published here'

/** Who is refused and why, how fast a push arrives, and what proves it. */
export const securityBoard: Board = {
  uid: 'sekisho-denials',
  title: 'Sekisho: denials and revocations',
  description:
    'For security teams: who is refused and why, how fast a push reaches every gateway, what other CAs say, and what proves it.',
  file: 'security.json',
  rows: [
    {
      title: 'At a glance',
      panels: [
        {
          title: 'Denials',
          description: 'Certificates refused in the time that is looked at. Good: as usual for this span.',
          kind: 'number',
          unit: 'short',
          queries: [{ expr: grown('sekisho_verdicts_total', '', `${atDoor},verdict!="permitted"`), legend: 'denied' }],
        },
        {
          title: 'Of a foreign CA',
          description:
            'Certificates of an issuer that the door does not trust, in this time. Good: 0; more is somebody who tries, or a CA that is missing from the configuration.',
          kind: 'number',
          unit: 'short',
          limits: { warn: 1, bad: 100 },
          queries: [
            { expr: grown('sekisho_verdicts_total', '', `${atDoor},verdict="issuer_not_trusted"`), legend: 'foreign' },
          ],
        },
        {
          title: 'Cut while connected',
          description: 'Live connections that a push or another change ended in this time. Good: 0 outside incidents.',
          kind: 'number',
          unit: 'short',
          queries: [{ expr: grown('sekisho_cuts_total', '', atDoor), legend: 'cut' }],
        },
        {
          title: 'Revocations',
          description:
            'Applied in the time that is looked at, by the gateway that applied most. Good: as many as were pushed.',
          kind: 'number',
          unit: 'short',
          queries: [
            {
              expr: `round(max(increase(sekisho_revocations_applied_total{${here}}[$__range])))`,
              legend: 'applied',
            },
          ],
        },
        {
          title: 'Slowest gateway',
          description: 'Time since it last heard of the store: a push is not known there before. Good: below 10 s.',
          kind: 'number',
          unit: 's',
          limits: { warn: 30, bad: 120 },
          queries: [{ expr: `max(sekisho_revocation_data_age_seconds{${here}})`, legend: 'age' }],
        },
        {
          title: 'Gateways behind',
          description: 'Silent without leave, or not up to date by their own word. Good: 0.',
          kind: 'number',
          unit: 'short',
          limits: { warn: 1, bad: 2 },
          queries: [{ expr: `max(sekisho_gateways_behind{${here}})`, legend: 'behind' }],
        },
        {
          title: 'Audit chain',
          description:
            'Whether every record of the audit log stands in its chain, on every gateway, when it was last read: hourly. Good: intact.',
          kind: 'number',
          unit: 'short',
          limits: { warn: 1, bad: 0.5 },
          words: { '0': 'broken', '1': 'intact' },
          whenEmpty: 'not read yet',
          queries: [{ expr: `min(sekisho_audit_chain_intact{${here}} >= 0)`, legend: 'audit chain' }],
        },
        {
          title: 'Taken out by hand',
          description:
            'Serial numbers that are missing from the sets of the store although its log has them: SREM. They stay refused. Good: 0.',
          kind: 'number',
          unit: 'short',
          limits: { warn: 1, bad: 1 },
          queries: [{ expr: `max(-1 * clamp_max(sekisho_revocations_unrecorded{${here}}, 0))`, legend: 'taken out' }],
        },
      ],
    },
    {
      title: 'Who is denied, and why',
      panels: [
        {
          title: 'Denials by reason',
          description:
            'Certificates refused a second, by the reason that was told. Good: low and mixed. certificate_revoked after a push is the push at work.',
          kind: 'bars',
          unit: 'suffix:/s',
          whenEmpty: 'None: nobody is denied',
          queries: [
            {
              expr: `sum by (verdict) (${rate('sekisho_verdicts_total', `${atDoor},verdict!="permitted"`)}) > 0`,
              legend: '{{verdict}}',
            },
          ],
        },
        {
          title: 'Denials by issuer',
          description:
            'Certificates refused a second, by the CA that issued them; none: no CA of the configuration did. Good: by the size of each CA; one that stands out has an incident, or is not registered.',
          kind: 'bars',
          unit: 'suffix:/s',
          whenEmpty: 'None: nobody is denied',
          queries: [{ expr: `sum by (issuer) (${rate('sekisho_denials_total')}) > 0`, legend: '{{issuer}}' }],
        },
        {
          title: 'Denials in this time',
          description: 'By reason and issuer, most first. Good: no pair that nobody can explain.',
          kind: 'table',
          unit: 'short',
          whenEmpty: 'None: nobody was denied',
          queries: [
            {
              expr: `sort_desc(${grown('sekisho_denials_total', 'reason, issuer')} > 0)`,
              legend: '{{reason}} {{issuer}}',
            },
          ],
        },
      ],
    },
    {
      title: 'Pushes and lag',
      panels: [
        {
          title: 'Revocations applied',
          description: 'By each gateway. Good: all lines alike; a gateway without the others’ peak has missed a push.',
          kind: 'lines',
          unit: 'suffix:/min',
          queries: [
            {
              expr: `60 * sum by (instance) (${rate('sekisho_revocations_applied_total')})`,
              legend: '{{instance}}',
            },
          ],
        },
        {
          title: 'Lag of a push by gateway',
          description:
            'From when the store took a revocation until every worker of the gateway applies it, p99. Good: below 1 s. No line: nothing was pushed.',
          kind: 'lines',
          unit: 's',
          limits: { warn: 1, bad: 5 },
          queries: [{ expr: quantile(0.99, 'sekisho_revocation_apply_seconds', 'instance'), legend: '{{instance}}' }],
        },
        {
          title: 'Age of trust data by gateway',
          description: 'Time since each gateway last heard of the store. Good: flat, below 10 s.',
          kind: 'lines',
          unit: 's',
          limits: { warn: 30, bad: 120 },
          queries: [
            { expr: `max by (instance) (sekisho_revocation_data_age_seconds{${here}})`, legend: '{{instance}}' },
          ],
        },
        {
          title: 'Follower of the store',
          description:
            'Whether each gateway hears of revocations as they happen. Good: live throughout. Otherwise it connects, catches up, or the store does not answer.',
          kind: 'states',
          unit: 'short',
          limits: { warn: 1, bad: 0.5 },
          words: { '0': 'not live', '1': 'live' },
          queries: [
            {
              expr: `min by (instance) (sekisho_follower_state{${here},state="live"})`,
              legend: '{{instance}}',
            },
          ],
        },
        {
          title: 'Cuts by reason',
          description: 'Live connections ended. Good: a peak at a push, none elsewhere.',
          kind: 'bars',
          unit: 'suffix:/s',
          whenEmpty: 'None: no live connection was cut',
          queries: [{ expr: `sum by (reason) (${rate('sekisho_cuts_total', atDoor)}) > 0`, legend: '{{reason}}' }],
        },
        {
          title: 'Revoked certificates and rules',
          description:
            'In the index of the gateway that knows fewest, by issuer, and the rules in force. Good: never less, unless somebody restored, and alike everywhere.',
          kind: 'lines',
          unit: 'short',
          queries: [
            { expr: `min by (issuer) (sekisho_revocation_entries{${here}})`, legend: '{{issuer}}' },
            { expr: `min(sekisho_revocation_rules{${here}})`, legend: 'rules' },
          ],
        },
      ],
    },
    {
      title: 'What other CAs say',
      panels: [
        {
          title: 'CRLs of other CAs: time to nextUpdate',
          belowZero: true,
          description: 'Of the list that was taken last. Good: above 0. Below, the CA is late, or we cannot fetch it.',
          kind: 'lines',
          unit: 's',
          limits: { warn: 3_600, bad: 0 },
          whenEmpty: noForeignLists,
          queries: [{ expr: `max by (list) (sekisho_crl_next_update_seconds{${here}})`, legend: '{{list}}' }],
        },
        {
          title: 'CRLs of other CAs: last good look',
          description: 'Time since any gateway looked with success. Good: below twice the pollSeconds of the list.',
          kind: 'lines',
          unit: 's',
          whenEmpty: noForeignLists,
          queries: [{ expr: `min by (list) (sekisho_crl_look_age_seconds{${here}})`, legend: '{{list}}' }],
        },
        {
          title: 'Looks at CRLs in this time',
          description:
            'By how they ended. Good: applied and unchanged. refused, unreadable or rolled_back: somebody gives a wrong list.',
          kind: 'lengths',
          unit: 'short',
          whenEmpty: noForeignLists,
          queries: [{ expr: `${grown('sekisho_crl_looks_total', 'list, result')} > 0`, legend: '{{list}} {{result}}' }],
        },
        {
          title: 'Questions to OCSP responders',
          description:
            'A second, by what came of them. Good: good. unreachable: where the policy is mustBeGood, nobody of that issuer gets in.',
          kind: 'areas',
          unit: 'suffix:/s',
          whenEmpty: 'No OCSP responder is asked',
          queries: [
            { expr: `sum by (issuer, result) (${rate('sekisho_ocsp_checks_total')})`, legend: '{{issuer}} {{result}}' },
          ],
        },
        {
          title: 'Our own CRL: time to nextUpdate',
          belowZero: true,
          description:
            'Of the list that is published here. Good: at least half of its validity; at 0, others refuse our users or trust blindly.',
          kind: 'lines',
          unit: 's',
          limits: { warn: 7_200, bad: 0 },
          whenEmpty: noPublication,
          queries: [
            { expr: `min by (issuer) (sekisho_published_crl_next_update_seconds{${here}})`, legend: '{{issuer}}' },
          ],
        },
        {
          title: 'Answers of our OCSP responder',
          description:
            'A second, by status. Good: good and revoked. try_later and failed: the responder has no data or key.',
          kind: 'areas',
          unit: 'suffix:/s',
          queries: [{ expr: `sum by (status) (${rate('sekisho_ocsp_answers_total')})`, legend: '{{status}}' }],
        },
      ],
    },
    {
      title: 'Evidence',
      panels: [
        {
          title: 'Audit records',
          description: 'Written and lost a second. Good: lost stays at 0.',
          kind: 'lines',
          unit: 'suffix:/s',
          queries: [
            { expr: `sum(${rate('sekisho_audit_records_total')})`, legend: 'written' },
            { expr: `sum(${rate('sekisho_audit_records_dropped_total')})`, legend: 'lost' },
          ],
        },
        {
          title: 'Audit chain by gateway',
          description: 'Good: intact throughout. Broken: keep the file, it is evidence.',
          kind: 'states',
          unit: 'short',
          limits: { warn: 1, bad: 0.5 },
          words: { '0': 'broken', '1': 'intact' },
          queries: [{ expr: `min by (instance) (sekisho_audit_chain_intact{${here}})`, legend: '{{instance}}' }],
        },
        {
          title: 'Comparisons with the store in this time',
          description:
            'Everything known here against the store. Good: clean. Differences: something was changed by hand, or the store has lost data.',
          kind: 'lengths',
          unit: 'short',
          queries: [
            { expr: grown('sekisho_reconciles_total', 'result'), legend: '{{result}}' },
            { expr: grown('sekisho_reconcile_differences_total', 'kind'), legend: 'found: {{kind}}' },
          ],
        },
        {
          title: 'Store that knew less',
          description:
            'Times a gateway found the store to know less than itself and told it again. Good: 0; more is a store that was put back, or flushed.',
          kind: 'lines',
          unit: 'short',
          queries: [{ expr: grown('sekisho_store_behind_total', 'instance'), legend: '{{instance}}' }],
        },
        {
          title: 'Requests to the admin API',
          description:
            'A second, by class of the status. Good: only when operators or scripts work; 4xx: somebody without a role.',
          kind: 'areas',
          unit: 'suffix:/s',
          queries: [
            { expr: `sum by (status_class) (${rate('sekisho_admin_requests_total')})`, legend: '{{status_class}}' },
          ],
        },
        {
          title: 'Connections a revocation would miss',
          description: 'Permitted, but not in the index of live connections: a defect. Good: 0.',
          kind: 'lines',
          unit: 'short',
          limits: { warn: 1, bad: 1 },
          queries: [{ expr: `max by (instance) (sekisho_connections_untracked{${here}})`, legend: '{{instance}}' }],
        },
      ],
    },
  ],
}
