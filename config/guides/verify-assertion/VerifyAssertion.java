import java.io.IOException;
import java.math.BigInteger;
import java.net.URI;
import java.net.http.HttpClient;
import java.net.http.HttpRequest;
import java.net.http.HttpResponse;
import java.nio.charset.StandardCharsets;
import java.nio.file.Files;
import java.nio.file.Path;
import java.security.AlgorithmParameters;
import java.security.GeneralSecurityException;
import java.security.KeyFactory;
import java.security.KeyStore;
import java.security.MessageDigest;
import java.security.PublicKey;
import java.security.Signature;
import java.security.cert.Certificate;
import java.security.cert.CertificateFactory;
import java.security.spec.ECGenParameterSpec;
import java.security.spec.ECParameterSpec;
import java.security.spec.ECPoint;
import java.security.spec.ECPublicKeySpec;
import java.util.ArrayList;
import java.util.Base64;
import java.util.HashMap;
import java.util.LinkedHashMap;
import java.util.List;
import java.util.Map;
import java.util.Set;
import java.util.concurrent.Callable;
import java.util.concurrent.TimeUnit;
import javax.net.ssl.SSLContext;
import javax.net.ssl.TrustManagerFactory;

/**
 * Verifies {@code Sekisho-Assertion} with a JDK from 17 on and nothing else.
 *
 * <pre>echo "$ASSERTION" | java VerifyAssertion.java --jwks URL|FILE [--ca FILE] --audience NAME [--client-cert VALUE]</pre>
 *
 * Prints the claims and ends with 0, or says why not and ends with 1. In an application, keep one {@link Keys} and call
 * {@link #verify}; where there is a library for JSON, use it in place of {@link Json}.
 */
public final class VerifyAssertion {
  private static final int ASSERTION_BYTES_MAX = 8_192;
  /** Keys of all gateways: up to three each, of 200 bytes. */
  private static final int KEY_SET_BYTES_MAX = 2_097_152;
  /** How far the clocks of gateway and application may be apart. */
  private static final long LEEWAY_SECONDS = 5;
  private static final long LIFE_SECONDS_MAX = 60;
  /** An assertion names a key by its {@code kid}. Strangers could make up many: so the key set is asked for only so often. */
  private static final long ASK_AGAIN_NANOS = 1_000_000_000L;

  /** The text is no assertion of this gateway for this application, now. */
  public static final class Refused extends Exception {
    private static final long serialVersionUID = 1;

    Refused(String reason) {
      super(reason);
    }
  }

  /**
   * The gateways' public keys, asked for when an assertion names one that is not known yet. While they cannot be asked for, those that
   * are known still count. May be used by several threads.
   */
  public static final class Keys {
    private final Callable<String> load;
    private volatile Map<String, PublicKey> known = Map.of();
    private long askedAtNanos = System.nanoTime() - ASK_AGAIN_NANOS;

    /** {@code load} returns the text of the key set. */
    public Keys(Callable<String> load) {
      this.load = load;
    }

    PublicKey find(String kid) throws Exception {
      PublicKey key = known.get(kid);
      return key != null ? key : ask(kid);
    }

    /** One thread asks, others with an unknown key wait for its answer, and who has a known one never comes here. */
    private synchronized PublicKey ask(String kid) throws Exception {
      if (known.containsKey(kid) || System.nanoTime() - askedAtNanos < ASK_AGAIN_NANOS) return known.get(kid);
      try {
        Map<String, PublicKey> found = new HashMap<>();
        for (Object entry : (List<?>) ((Map<?, ?>) Json.read(load.call())).get("keys")) {
          Map<?, ?> jwk = (Map<?, ?>) entry;
          if ("EC".equals(jwk.get("kty")) && "P-256".equals(jwk.get("crv"))) found.put((String) jwk.get("kid"), publicKey(jwk));
        }
        known = found;
      } finally {
        askedAtNanos = System.nanoTime();
      }
      return known.get(kid);
    }

    private static PublicKey publicKey(Map<?, ?> jwk) throws Refused, GeneralSecurityException {
      AlgorithmParameters curve = AlgorithmParameters.getInstance("EC");
      curve.init(new ECGenParameterSpec("secp256r1"));
      BigInteger x = new BigInteger(1, decode((String) jwk.get("x")));
      BigInteger y = new BigInteger(1, decode((String) jwk.get("y")));
      ECParameterSpec parameters = curve.getParameterSpec(ECParameterSpec.class);
      return KeyFactory.getInstance("EC").generatePublic(new ECPublicKeySpec(new ECPoint(x, y), parameters));
    }
  }

  /**
   * The claims of an assertion that is the gateway's, for this audience, and within its life. Throws {@link Refused} for anything else,
   * and what {@code load} throws when the key set cannot be read. {@code clientCert}: value of {@code Client-Cert} of the same request;
   * unless null, the assertion must be about that certificate.
   */
  public static Map<?, ?> verify(String assertion, Keys keys, String audience, String clientCert) throws Exception {
    expect(assertion != null, "there is none");
    expect(assertion.length() <= ASSERTION_BYTES_MAX, "it is too long");
    expect(assertion.matches("[A-Za-z0-9_-]+\\.[A-Za-z0-9_-]+\\.[A-Za-z0-9_-]+"), "it is no JWT");
    String[] parts = assertion.split("\\.");
    Map<?, ?> header = readObject(parts[0]);
    // The one algorithm, whatever the header says: this is what keeps "none" and HMAC with the public key out.
    expect("ES256".equals(header.get("alg")) && header.get("kid") instanceof String, "it is not signed with ES256");
    PublicKey key = keys.find((String) header.get("kid"));
    expect(key != null, "its key is none of the gateway");
    byte[] signature = decode(parts[2]);
    // JDKs before April 2022 took zeros for a signature of anything (CVE-2022-21449): both halves are looked at here.
    expect(signature.length == 64 && !isZero(signature, 0) && !isZero(signature, 32), "its signature is wrong");
    Signature check = Signature.getInstance("SHA256withECDSAinP1363Format");
    check.initVerify(key);
    check.update((parts[0] + "." + parts[1]).getBytes(StandardCharsets.US_ASCII));
    expect(check.verify(signature), "its signature is wrong");
    Map<?, ?> claims = readObject(parts[1]);
    checkClaims(claims, audience, clientCert, System.currentTimeMillis() / 1_000);
    return claims;
  }

  private static boolean isZero(byte[] signature, int from) {
    for (int at = from; at < from + 32; at++) if (signature[at] != 0) return false;
    return true;
  }

  private static void checkClaims(Map<?, ?> claims, String audience, String clientCert, long now) throws Exception {
    expect("sekisho".equals(claims.get("iss")) && audience.equals(claims.get("aud")), "it is for another audience");
    expect(claims.get("iat") instanceof Long && claims.get("exp") instanceof Long, "its times are none");
    long issued = (Long) claims.get("iat");
    long expires = (Long) claims.get("exp");
    expect(expires - issued <= LIFE_SECONDS_MAX, "its times are none");
    expect(issued <= now + LEEWAY_SECONDS, "it is from the future");
    expect(expires > now - LEEWAY_SECONDS, "it has expired");
    expect(claims.get("jti") instanceof String jti && !jti.isEmpty(), "it has no jti");
    Object method = claims.get("login_method");
    expect(method instanceof String && Set.of("certificate", "password", "none").contains(method), "its login method is unknown");
    // Only who came with a certificate has a name here.
    boolean hasSubject = claims.get("sub") instanceof String subject && !subject.isEmpty();
    expect("certificate".equals(method) == hasSubject, "login method and subject do not agree");
    if (clientCert == null) return;
    Object confirmed = claims.get("cnf") instanceof Map<?, ?> cnf ? cnf.get("x5t#S256") : null;
    expect(thumbprint(clientCert).equals(confirmed), "it is about another certificate");
  }

  /** SHA-256 of a certificate as RFC 9440 writes it: base64 of DER between colons. */
  private static String thumbprint(String clientCert) throws Refused, GeneralSecurityException {
    expect(clientCert.matches(":[A-Za-z0-9+/]+=*:"), "Client-Cert holds no certificate");
    byte[] der = decode(Base64.getDecoder(), clientCert.substring(1, clientCert.length() - 1));
    return Base64.getUrlEncoder().withoutPadding().encodeToString(MessageDigest.getInstance("SHA-256").digest(der));
  }

  private static Map<?, ?> readObject(String part) throws Refused {
    Object value = Json.read(new String(decode(part), StandardCharsets.UTF_8));
    if (value instanceof Map<?, ?> object) return object;
    throw new Refused("it holds no JSON object");
  }

  private static byte[] decode(String part) throws Refused {
    return decode(Base64.getUrlDecoder(), part);
  }

  private static byte[] decode(Base64.Decoder decoder, String text) throws Refused {
    try {
      return decoder.decode(text);
    } catch (IllegalArgumentException error) {
      throw new Refused("it is no base64");
    }
  }

  private static void expect(boolean isTrue, String otherwise) throws Refused {
    if (!isTrue) throw new Refused(otherwise);
  }

  /** Asks the gateway over HTTPS, believing only certificates of the CAs in {@code caFile} (PEM), or those the JDK knows if it is null. */
  public static String fetchKeySet(String url, String caFile) throws Exception {
    SSLContext context = caFile == null ? SSLContext.getDefault() : contextOf(caFile);
    HttpClient client = HttpClient.newBuilder().sslContext(context).build();
    var answer = client.sendAsync(HttpRequest.newBuilder(URI.create(url)).build(), HttpResponse.BodyHandlers.ofString());
    HttpResponse<String> response = answer.get(5, TimeUnit.SECONDS);
    if (response.statusCode() != 200) throw new IOException("status " + response.statusCode());
    if (response.body().length() > KEY_SET_BYTES_MAX) throw new IOException("the key set is too large");
    return response.body();
  }

  private static SSLContext contextOf(String caFile) throws Exception {
    KeyStore trusted = KeyStore.getInstance(KeyStore.getDefaultType());
    trusted.load(null, null);
    try (var file = Files.newInputStream(Path.of(caFile))) {
      int count = 0;
      for (Certificate ca : CertificateFactory.getInstance("X.509").generateCertificates(file)) {
        trusted.setCertificateEntry("ca" + count++, ca);
      }
    }
    TrustManagerFactory managers = TrustManagerFactory.getInstance(TrustManagerFactory.getDefaultAlgorithm());
    managers.init(trusted);
    SSLContext context = SSLContext.getInstance("TLS");
    context.init(null, managers.getTrustManagers(), null);
    return context;
  }

  /** Reads JSON: objects, lists, texts, whole numbers as Long, others as Double. Refuses names that stand twice. */
  static final class Json {
    private static final int DEPTH_MAX = 16;
    private final String text;
    private int at = 0;

    private Json(String text) {
      this.text = text;
    }

    static Object read(String text) throws Refused {
      Json json = new Json(text);
      Object value = json.value(0);
      json.blanks();
      expect(json.at == text.length(), "something follows its JSON");
      return value;
    }

    private Object value(int depth) throws Refused {
      expect(depth <= DEPTH_MAX, "its JSON is too deep");
      blanks();
      switch (peek()) {
        case '{':
          return object(depth);
        case '[':
          return list(depth);
        case '"':
          return string();
        default:
          return word();
      }
    }

    private Map<String, Object> object(int depth) throws Refused {
      Map<String, Object> found = new LinkedHashMap<>();
      at++;
      for (blanks(); peek() != '}'; blanks()) {
        if (!found.isEmpty()) take(',');
        blanks();
        String name = string();
        blanks();
        take(':');
        expect(!found.containsKey(name), "a name stands twice in its JSON");
        found.put(name, value(depth + 1));
      }
      at++;
      return found;
    }

    private List<Object> list(int depth) throws Refused {
      List<Object> found = new ArrayList<>();
      at++;
      for (blanks(); peek() != ']'; blanks()) {
        if (!found.isEmpty()) take(',');
        found.add(value(depth + 1));
      }
      at++;
      return found;
    }

    private String string() throws Refused {
      take('"');
      StringBuilder found = new StringBuilder();
      while (peek() != '"') {
        char next = text.charAt(at++);
        if (next == '\\') next = escaped();
        found.append(next);
      }
      at++;
      return found.toString();
    }

    private char escaped() throws Refused {
      char letter = peek();
      at++;
      if (letter == 'u') {
        expect(at + 4 <= text.length() && text.substring(at, at + 4).matches("[0-9a-fA-F]{4}"), "its JSON is broken");
        at += 4;
        return (char) Integer.parseInt(text.substring(at - 4, at), 16);
      }
      int found = "\"\\/bfnrt".indexOf(letter);
      expect(found >= 0, "its JSON is broken");
      return "\"\\/\b\f\n\r\t".charAt(found);
    }

    private Object word() throws Refused {
      int start = at;
      while (at < text.length() && "+-.0123456789abcdefghijklmnopqrstuvwxyzE".indexOf(text.charAt(at)) >= 0) at++;
      String word = text.substring(start, at);
      if (word.equals("true") || word.equals("false")) return Boolean.valueOf(word);
      if (word.equals("null")) return null;
      expect(word.matches("-?\\d{1,18}(\\.\\d+)?([eE][+-]?\\d{1,3})?"), "its JSON is broken");
      if (word.matches("-?\\d+")) return Long.valueOf(word);
      return Double.valueOf(word);
    }

    private char peek() throws Refused {
      expect(at < text.length(), "its JSON ends too early");
      return text.charAt(at);
    }

    private void take(char wanted) throws Refused {
      expect(peek() == wanted, "its JSON is broken");
      at++;
    }

    private void blanks() {
      while (at < text.length() && " \t\r\n".indexOf(text.charAt(at)) >= 0) at++;
    }
  }

  public static void main(String[] arguments) throws IOException {
    Map<String, String> options = new HashMap<>();
    for (int at = 0; at + 1 < arguments.length; at += 2) options.put(arguments[at], arguments[at + 1]);
    String place = options.get("--jwks");
    Keys keys =
        new Keys(() -> place.startsWith("https:") ? fetchKeySet(place, options.get("--ca")) : Files.readString(Path.of(place)));
    String assertion = new String(System.in.readAllBytes(), StandardCharsets.US_ASCII).trim();
    try {
      Map<?, ?> claims = verify(assertion, keys, options.get("--audience"), options.get("--client-cert"));
      System.out.println(claims);
    } catch (Refused refused) {
      System.err.println("Cannot accept the assertion: " + refused.getMessage());
      System.exit(1);
    } catch (Exception error) {
      System.err.println("Cannot read the key set: " + error);
      System.exit(1);
    }
  }
}
