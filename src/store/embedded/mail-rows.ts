import type { Mail, MailResult, MailState, NewMail } from '../../control-path/outbox-port.ts'
import type { Database, Row } from './database.ts'

const columns = 'id, state, login_id, recipient, body, due_ms, attempts, last_error, changed_ms'

/** Adds a mail unless there is one of its id; answers whether it did. Within a write transaction. */
export function addMailRow(database: Database, mail: NewMail, nowMs: number): boolean {
  const added = database.run(
    `INSERT INTO mails (${columns}) VALUES (?, 'waiting', ?, ?, ?, ?, 0, '', ?) ON CONFLICT (id) DO NOTHING`,
    mail.id,
    mail.loginId,
    mail.to,
    mail.body,
    mail.dueMs,
    nowMs,
  )
  return added > 0
}

/** Takes mails that are due; see `Outbox.leaseMails`. Within a write transaction. */
export function leaseMailRows(
  database: Database,
  { nowMs, leaseMs, limit }: { nowMs: number; leaseMs: number; limit: number },
): Mail[] {
  const due = database.all(
    `SELECT ${columns} FROM mails WHERE state = 'waiting' AND due_ms <= ? ORDER BY due_ms, id LIMIT ?`,
    nowMs,
    limit,
  )
  const dueMs = nowMs + leaseMs
  return due.map(mailOf).map((mail) => {
    database.run('UPDATE mails SET due_ms = ?, attempts = attempts + 1 WHERE id = ?', dueMs, mail.id)
    return { ...mail, dueMs, attempts: mail.attempts + 1 }
  })
}

/**
 * Says what became of a mail. One that was sent stays so, and one that was given up is only ever found to have been sent after all: two senders
 * may have had it, one after the other's lease. Within a write transaction.
 */
export function settleMailRow(database: Database, id: string, result: MailResult): void {
  switch (result.state) {
    case 'sent':
      database.run(`UPDATE mails SET state = 'sent', changed_ms = ? WHERE id = ? AND state <> 'sent'`, result.atMs, id)
      break
    case 'waiting':
      database.run(
        `UPDATE mails SET due_ms = ?, last_error = ?, changed_ms = ? WHERE id = ? AND state = 'waiting'`,
        result.dueMs,
        result.error,
        result.atMs,
        id,
      )
      break
    case 'dead':
      database.run(
        `UPDATE mails SET state = 'dead', last_error = ?, changed_ms = ? WHERE id = ? AND state = 'waiting'`,
        result.error,
        result.atMs,
        id,
      )
  }
}

/** Mails of a state, newest first, after the one named; nothing after one that is not there. */
export function readMails(database: Database, filter: { state: MailState; after?: string; limit: number }): Mail[] {
  const { state, after, limit } = filter
  if (after === undefined) {
    const sql = `SELECT ${columns} FROM mails WHERE state = ? ORDER BY changed_ms DESC, id DESC LIMIT ?`
    return database.all(sql, state, limit).map(mailOf)
  }
  const rows = database.all(
    `SELECT ${columns} FROM mails WHERE state = ?1
        AND (changed_ms, id) < (SELECT changed_ms, id FROM mails WHERE id = ?2)
      ORDER BY changed_ms DESC, id DESC LIMIT ?3`,
    state,
    after,
    limit,
  )
  return rows.map(mailOf)
}

/** How many there are of each state. */
export function countMails(database: Database): Record<MailState, number> {
  const rows = database.all(
    `SELECT name, value FROM counts WHERE name IN ('mails_waiting', 'mails_sent', 'mails_dead')`,
  )
  const counts = new Map(rows.map((row) => [row.name, Number(row.value)]))
  const countOf = (state: MailState) => counts.get(`mails_${state}`) ?? 0
  return { waiting: countOf('waiting'), sent: countOf('sent'), dead: countOf('dead') }
}

/** Makes a dead mail due now; false: there is no such dead mail. Within a write transaction. */
export function reviveMailRow(database: Database, id: string, nowMs: number): boolean {
  const revived = database.run(
    `UPDATE mails SET state = 'waiting', attempts = 0, due_ms = ?1, changed_ms = ?1 WHERE id = ?2 AND state = 'dead'`,
    nowMs,
    id,
  )
  return revived > 0
}

/** Forgets mails that ended before that time, at most `limit`; answers how many. Within a write transaction. */
export function forgetMailRows(database: Database, beforeMs: number, limit: number): number {
  return database.run(
    `DELETE FROM mails WHERE id IN
      (SELECT id FROM mails WHERE state IN ('sent', 'dead') AND changed_ms < ? LIMIT ?)`,
    beforeMs,
    limit,
  )
}

function mailOf(row: Row): Mail {
  return {
    id: String(row.id),
    loginId: String(row.login_id),
    to: String(row.recipient),
    body: String(row.body),
    dueMs: Number(row.due_ms),
    state: stateOf(row),
    attempts: Number(row.attempts),
    lastError: String(row.last_error),
    changedMs: Number(row.changed_ms),
  }
}

function stateOf(row: Row): MailState {
  return row.state === 'sent' || row.state === 'dead' ? row.state : 'waiting'
}
