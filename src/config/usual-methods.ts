/** Methods that every door lets through; `http.extraMethods` adds to them. CONNECT, PRI and TRACE can never be added. */
export const usualMethods: readonly string[] = ['GET', 'HEAD', 'POST', 'PUT', 'DELETE', 'PATCH', 'OPTIONS']
