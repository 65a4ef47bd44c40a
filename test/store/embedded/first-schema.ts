/** Tables as schema version 1 had them. */
const tables = `
CREATE TABLE store (
  name TEXT PRIMARY KEY,
  value TEXT NOT NULL
) STRICT, WITHOUT ROWID;

CREATE TABLE events (
  version INTEGER PRIMARY KEY AUTOINCREMENT,
  token TEXT NOT NULL,
  body TEXT NOT NULL
) STRICT;

CREATE TABLE counts (
  name TEXT PRIMARY KEY,
  value INTEGER NOT NULL
) STRICT, WITHOUT ROWID;
INSERT INTO counts (name, value) VALUES ('revoked', 0), ('trimmed_through', 0);

CREATE TABLE revocations (
  certificate_key TEXT PRIMARY KEY,
  issuer_id TEXT NOT NULL,
  state TEXT NOT NULL CHECK (state IN ('revoked', 'restored')),
  version INTEGER NOT NULL UNIQUE,
  login_id TEXT,
  reason TEXT NOT NULL,
  comment TEXT NOT NULL,
  actor TEXT NOT NULL,
  at_ms INTEGER NOT NULL
) STRICT, WITHOUT ROWID;
CREATE INDEX revocations_of_login_id ON revocations (login_id, version) WHERE login_id IS NOT NULL;
CREATE INDEX revocations_of_issuer ON revocations (issuer_id, version);

CREATE TRIGGER revocation_added AFTER INSERT ON revocations WHEN NEW.state = 'revoked' BEGIN
  UPDATE counts SET value = value + 1 WHERE name = 'revoked';
END;
CREATE TRIGGER revocation_removed AFTER DELETE ON revocations WHEN OLD.state = 'revoked' BEGIN
  UPDATE counts SET value = value - 1 WHERE name = 'revoked';
END;
CREATE TRIGGER revocation_changed AFTER UPDATE OF state ON revocations WHEN NEW.state <> OLD.state BEGIN
  UPDATE counts SET value = value + CASE NEW.state WHEN 'revoked' THEN 1 ELSE -1 END WHERE name = 'revoked';
END;

CREATE TABLE contracts (
  contract_id TEXT PRIMARY KEY,
  login_method TEXT NOT NULL CHECK (login_method IN ('certificate', 'password')),
  certificate_limit INTEGER NOT NULL CHECK (certificate_limit > 0),
  method_version INTEGER UNIQUE
) STRICT, WITHOUT ROWID;

CREATE TABLE users (
  login_id TEXT PRIMARY KEY,
  contract_id TEXT NOT NULL REFERENCES contracts (contract_id),
  role TEXT NOT NULL CHECK (role IN ('master', 'general')),
  state TEXT NOT NULL CHECK (state IN ('active', 'suspended')),
  state_version INTEGER UNIQUE
) STRICT, WITHOUT ROWID;
CREATE INDEX users_of_contract ON users (contract_id);

CREATE TABLE certificates (
  certificate_key TEXT PRIMARY KEY,
  login_id TEXT NOT NULL REFERENCES users (login_id),
  not_before_ms INTEGER NOT NULL,
  not_after_ms INTEGER NOT NULL,
  recorded_version INTEGER NOT NULL,
  superseded_version INTEGER UNIQUE
) STRICT, WITHOUT ROWID;
CREATE INDEX certificates_of_login_id ON certificates (login_id, not_after_ms);

CREATE TABLE meta (
  name TEXT PRIMARY KEY,
  value TEXT NOT NULL,
  revision INTEGER NOT NULL
) STRICT, WITHOUT ROWID;
`

/**
 * What a program of schema version 1 had written: a contract and two users, two certificates of which one is superseded,
 * one revoked certificate, one restored, and the log of it, whose first event is gone already.
 */
export function firstStoreSql({ issuerId }: { issuerId: string }): string {
  const revoked = (serial: string) => ({
    key: `${issuerId}:${serial}`,
    loginId: 'user01',
    reason: 'keyCompromise',
    comment: 'lost PC',
    actor: 'sato.hanako',
    revokedAtMs: 500,
  })
  const bodies = [
    { kind: 'directory', loginId: 'user01' },
    { kind: 'directory', loginId: 'user02' },
    { kind: 'directory', loginId: 'user01' },
    { kind: 'directory', loginId: 'user01' },
    { kind: 'superseded', key: `${issuerId}:1` },
    { kind: 'revoked', revocation: revoked('2') },
    { kind: 'revoked', revocation: revoked('3') },
    { kind: 'restored', key: `${issuerId}:3`, actor: 'sato.hanako', atMs: 600 },
    { kind: 'suspended', loginId: 'user02', suspended: true },
    { kind: 'login_method', contractId: 'shoji', method: 'password' },
  ]
  const rows = bodies.map((body, index) => `(${index + 2}, 'token${index + 2}', '${JSON.stringify(body)}')`)
  return `${tables}
INSERT INTO store VALUES ('schema_version', '1');
INSERT INTO events (version, token, body) VALUES ${rows.join(', ')};
UPDATE counts SET value = 1 WHERE name = 'trimmed_through';
INSERT INTO contracts VALUES ('shoji', 'password', 100, 11);
INSERT INTO users VALUES ('user01', 'shoji', 'general', 'active', NULL), ('user02', 'shoji', 'master', 'suspended', 10);
INSERT INTO certificates VALUES
  ('${issuerId}:1', 'user01', 1000, 2000, 4, 6), ('${issuerId}:2', 'user01', 1500, 2500, 5, NULL);
INSERT INTO revocations VALUES
  ('${issuerId}:2', '${issuerId}', 'revoked', 7, 'user01', 'keyCompromise', 'lost PC', 'sato.hanako', 500),
  ('${issuerId}:3', '${issuerId}', 'restored', 9, 'user01', 'keyCompromise', 'lost PC', 'sato.hanako', 600);
INSERT INTO meta VALUES ('sealingKeys', 'secret', 4);
`
}
