import type { GatewayList, GatewayReport } from '../../control-path/store-port.ts'
import type { Database } from './database.ts'

/** A gateway that has said nothing for this long is gone. Unit: milliseconds. */
const reportLifeMs = 60_000

/** Keeps the report, and forgets gateways that are gone. Within a write transaction. */
export function writeReport(database: Database, report: GatewayReport, nowMs: number): void {
  // A report from the future was written before the clock was set back.
  database.run('DELETE FROM gateways WHERE abs(reported_at_ms - ?) > ?', nowMs, reportLifeMs)
  database.run(
    'INSERT OR REPLACE INTO gateways (gateway_id, report, reported_at_ms) VALUES (?, ?, ?)',
    report.gatewayId,
    JSON.stringify(report),
    nowMs,
  )
}

/** Forgets a gateway that ends. */
export function deleteReport(database: Database, gatewayId: string): void {
  database.run('DELETE FROM gateways WHERE gateway_id = ?', gatewayId)
}

/** Every gateway that is not gone, by its id. */
export function readReports(database: Database, nowMs: number): GatewayList {
  const rows = database.all(
    'SELECT report, reported_at_ms FROM gateways WHERE abs(reported_at_ms - ?) <= ? ORDER BY gateway_id',
    nowMs,
    reportLifeMs,
  )
  return {
    nowMs,
    gateways: rows.map((row) => ({
      ...(JSON.parse(String(row.report)) as GatewayReport),
      reportedAtMs: Number(row.reported_at_ms),
    })),
  }
}
