/** Each user has two: one to log in with, and one that is asked for before a revocation (確認用パスワード). */
export type PasswordKind = 'login' | 'confirmation'

/**
 * Who knows the passwords: the directory (`DirectoryVerifier`) or the banking application (`HttpVerifier`). Neither counts or locks;
 * that is done by `check-password.ts`, whoever is asked.
 */
export type PasswordVerifier = {
  /**
   * `wrong` also for a login ID that nobody knows, after the same work. Throws GatewayError `verifier_unavailable` where there is no
   * clear yes or no: then nobody is let in, and nothing is counted.
   */
  verify(
    kind: PasswordKind,
    loginId: string,
    password: string,
    about: { readonly requestId: string },
  ): Promise<'right' | 'wrong'>
}
