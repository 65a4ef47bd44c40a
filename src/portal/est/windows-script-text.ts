/**
 * The enrolment script for Windows 10 and 11, for Windows PowerShell 5.1, which is there, and PowerShell 7. `windowsScript` puts what differs
 * from user to user in place of the line `#SETTINGS#`, and writes CR LF at the end of lines.
 *
 * States of a run: no request → request made (the key is in Windows, the request in the work folder) → sent (from here on a certificate may
 * exist: the request is kept until an answer has come, so that the next run asks with the same key and gets the same certificate, R8) →
 * answered → installed.
 */
export const windowsScriptText = String.raw`<#
  電子証明書発行スクリプト / Certificate enrolment script

  このパソコンの中で秘密鍵を作り、電子証明書を受け取って Windows に登録します。
  秘密鍵は取り出せない形で作られ、このパソコンの外に出ることはありません。
  This script makes a private key on this PC, obtains a certificate for it and installs it in Windows.
  The key cannot be exported, and never leaves this PC.

  実行のしかた: このファイルを右クリックし、「PowerShell で実行」を選びます。管理者として実行する必要はありません。
  To run it: right-click this file and choose "Run with PowerShell". It needs no administrator rights.

  What it does, in this order:
    1. makes a key and a signing request with certreq -new (in the TPM where there is one),
    2. sends the request and the one-time code to the server below over HTTPS (EST, RFC 7030),
    3. installs the answer for this Windows user with certreq -accept,
    4. removes its temporary files and tells the web page how it ended.
  The one-time code below counts for one key and a few minutes only.

  Its makers have tested its text, its request settings and what it says to the server; they have not run it on Windows.
#>

#SETTINGS#

$ErrorActionPreference = 'Stop'
$PSNativeCommandUseErrorActionPreference = $false
Set-StrictMode -Version 2.0

$Outcome = 'failed'
$Status = 0
$Folder = $null
$KeepRequest = $false
$NewRequests = @()
$Serial = ''
$OthersThere = $false

function Say([string] $Japanese, [string] $English) {
  Write-Host ''
  Write-Host $Japanese
  Write-Host $English
}

# Ends the run with a word for the server and a sentence for the user.
function Stop-Run([string] $Word, [string] $Japanese, [string] $English) {
  $script:Outcome = $Word
  Say $Japanese $English
  throw 'stopped'
}

function Test-Place {
  if ($ExecutionContext.SessionState.LanguageMode -ne 'FullLanguage') {
    Stop-Run 'not_allowed' 'このパソコンではスクリプトの実行が制限されています。社内のシステム管理者の方にご相談ください。' 'Scripts are restricted on this PC. Please ask the administrator of your company.'
  }
  $system = [Environment]::OSVersion
  if ($system.Platform -ne 'Win32NT' -or $system.Version.Major -lt 10) {
    Stop-Run 'not_windows' 'Windows 10 または Windows 11 で実行してください。' 'Please run this on Windows 10 or Windows 11.'
  }
  $me = [Security.Principal.WindowsIdentity]::GetCurrent()
  $shown = $null
  # Not to be had in a remote desktop; then nothing is compared.
  try { $shown = (Get-CimInstance -ClassName Win32_ComputerSystem).UserName } catch { $shown = $null }
  if ($me.IsSystem -or ($shown -and $shown -ne $me.Name)) {
    Stop-Run 'wrong_user' '別の Windows ユーザとして実行されています。インターネットバンキングを使う Windows ユーザで、「管理者として実行」を選ばずに実行してください。' 'This runs as another Windows user. Please run it as the one who uses the internet banking, and not as administrator.'
  }
}

function New-WorkFolder {
  $sha = [Security.Cryptography.SHA256]::Create()
  $hash = $sha.ComputeHash([Text.Encoding]::UTF8.GetBytes($Server + '|' + $LoginId))
  $name = [BitConverter]::ToString($hash, 0, 8).Replace('-', '')
  $path = Join-Path (Join-Path $env:LOCALAPPDATA 'Sekisho') $name
  $null = New-Item -ItemType Directory -Force -Path $path
  return $path
}

function Get-RequestPrints {
  return @(Get-ChildItem Cert:\CurrentUser\REQUEST -ErrorAction SilentlyContinue | ForEach-Object { $_.Thumbprint })
}

# The request as base64. One whose answer was lost is used again, with its key.
function New-Request {
  $file = Join-Path $Folder 'request.req'
  if (-not (Test-Path -LiteralPath $file)) {
    $before = Get-RequestPrints
    $certreq = Join-Path $env:SystemRoot 'System32\certreq.exe'
    $settings = Join-Path $Folder 'request.inf'
    foreach ($provider in $Providers) {
      $text = $RequestSettings + 'ProviderName = "' + $provider + '"' + [Environment]::NewLine
      [IO.File]::WriteAllText($settings, $text, [Text.Encoding]::Unicode)
      $null = & $certreq -new -user -q $settings $file
      if ($LASTEXITCODE -eq 0 -and (Test-Path -LiteralPath $file)) { break }
      if (Test-Path -LiteralPath $file) { Remove-Item -LiteralPath $file -Force }
    }
    $script:NewRequests = @(Get-RequestPrints | Where-Object { $before -notcontains $_ })
    if (-not (Test-Path -LiteralPath $file)) {
      Stop-Run 'no_key' '秘密鍵を作成できませんでした。Windows を再起動して、もう一度お試しください。' 'The private key could not be made. Please restart Windows and try again.'
    }
  }
  $text = [IO.File]::ReadAllText($file)
  return ($text -replace '-----[A-Z ]+-----', '') -replace '\s', ''
}

# One exchange over HTTPS. The certificate of the server is checked as Windows does; redirects are not followed.
function Send-Http([string] $Method, [string] $Path, [string] $Type, [string] $Body, [bool] $WithCode) {
  $handler = New-Object System.Net.Http.HttpClientHandler
  $handler.AllowAutoRedirect = $false
  $client = New-Object System.Net.Http.HttpClient -ArgumentList $handler
  $client.Timeout = [TimeSpan]::FromSeconds(60)
  try {
    $message = New-Object System.Net.Http.HttpRequestMessage
    $message.Method = New-Object System.Net.Http.HttpMethod -ArgumentList $Method
    $message.RequestUri = New-Object System.Uri -ArgumentList ($Server + $Path)
    if ($Body) {
      $message.Content = New-Object System.Net.Http.StringContent -ArgumentList $Body, ([Text.Encoding]::ASCII), $Type
    }
    if ($WithCode) {
      $login = [Convert]::ToBase64String([Text.Encoding]::UTF8.GetBytes($LoginId + ':' + $Code))
      $message.Headers.Authorization = New-Object System.Net.Http.Headers.AuthenticationHeaderValue -ArgumentList 'Basic', $login
    }
    $answer = $client.SendAsync($message).GetAwaiter().GetResult()
    return @{ Status = [int] $answer.StatusCode; Body = $answer.Content.ReadAsStringAsync().GetAwaiter().GetResult() }
  } finally {
    $client.Dispose()
  }
}

function Test-Distrust($Failure) {
  while ($null -ne $Failure) {
    if ($Failure -is [Security.Authentication.AuthenticationException]) { return $true }
    $Failure = $Failure.InnerException
  }
  return $false
}

$Refusals = @{
  400 = @('サーバが電子証明書の要求を受け付けませんでした。', 'The server did not accept the request.')
  401 = @('ワンタイムコードの有効期限が切れているか、すでに使われています。電子証明書発行の画面から、もう一度ダウンロードしてください。', 'The one-time code has run out or was used already. Please download this script again from the issue page.')
  403 = @('このログインIDは現在ご利用いただけません。マスターユーザまたはお取引店にご連絡ください。', 'This login ID cannot be used now. Please ask your master user or your branch.')
  404 = @('このサーバでは電子証明書を発行していません。', 'This server issues no certificates.')
  409 = @('有効な電子証明書がすでにあるなどの理由で、発行できませんでした。下の説明をご確認ください。新しいパソコンで使う場合は、マスターユーザ（ご自身がマスターユーザの場合はお取引店）に失効を依頼してから、もう一度発行してください。', 'No certificate could be issued, for example because a valid one exists: see below. For a new PC, ask your master user (or your branch, if you are the master) to revoke the old one, then obtain a new one.')
  429 = @('失敗した回数が多いため、しばらく受け付けられません。時間をおいてお試しください。', 'There were too many failures. Please try again later.')
  503 = @('ただいま混み合っています。しばらくしてから、もう一度実行してください。', 'The server is busy. Please run this script again in a few minutes.')
}

# The answer to the request: base64 of a certs-only message.
function Send-Request([string] $Request) {
  $script:KeepRequest = $true
  $answer = $null
  foreach ($waitSeconds in 2, 5, 0) {
    try {
      $answer = Send-Http 'POST' '/.well-known/est/simpleenroll' 'application/pkcs10' $Request $true
    } catch {
      if (Test-Distrust $_.Exception) {
        Stop-Run 'not_trusted' 'サーバの証明書を確認できないため、接続を中止しました。社内ネットワークで通信の検査が行われている場合は、システム管理者の方にご相談ください。' 'The certificate of the server cannot be trusted, so nothing was sent. If your company inspects TLS, please ask its administrator.'
      }
      $answer = $null
    }
    if ($null -ne $answer -and $answer.Status -ne 503) { break }
    Start-Sleep -Seconds $waitSeconds
  }
  if ($null -eq $answer) {
    Stop-Run 'no_connection' 'サーバに接続できませんでした。ネットワークを確認して、もう一度実行してください。同じ電子証明書を受け取れます。' 'The server cannot be reached. Please check the network and run this script again: you will get the same certificate.'
  }
  $script:Status = $answer.Status
  if ($answer.Status -eq 200) { return $answer.Body }
  if ($answer.Status -lt 500) { $script:KeepRequest = $false }
  if ($Refusals.ContainsKey($answer.Status)) { $words = $Refusals[$answer.Status] }
  else { $words = @('サーバでエラーが発生しました。', 'The server reports an error.') }
  $detail = ''
  if ($answer.Body.Length -lt 1000) { $detail = [Environment]::NewLine + $answer.Body }
  Stop-Run 'refused' $words[0] ($words[1] + ' (' + $answer.Status + ')' + $detail)
}

function Read-Certificates([string] $Body) {
  $found = New-Object System.Security.Cryptography.X509Certificates.X509Certificate2Collection
  $found.Import([Convert]::FromBase64String(($Body -replace '\s', '')))
  return , $found
}

# The CAs below the root, so that Windows and the browser can build the chain. The root is left to the administrator.
function Add-Authorities {
  try {
    $answer = Send-Http 'GET' '/.well-known/est/cacerts' '' '' $false
    if ($answer.Status -ne 200) { return }
    $store = New-Object System.Security.Cryptography.X509Certificates.X509Store -ArgumentList 'CA', 'CurrentUser'
    $store.Open('ReadWrite')
    foreach ($authority in (Read-Certificates $answer.Body)) {
      if ($authority.Subject -ne $authority.Issuer) { $store.Add($authority) }
    }
    $store.Close()
  } catch {
    return
  }
}

function Get-Installed([string] $Print) {
  return @(Get-ChildItem Cert:\CurrentUser\My | Where-Object { $_.Thumbprint -eq $Print -and $_.HasPrivateKey })
}

function Install-Certificate([string] $Body) {
  $found = Read-Certificates $Body
  if ($found.Count -ne 1) { throw 'The answer holds no certificate, or several.' }
  $certificate = $found[0]
  $file = Join-Path $Folder 'certificate.cer'
  [IO.File]::WriteAllBytes($file, $certificate.RawData)
  Add-Authorities
  $null = & (Join-Path $env:SystemRoot 'System32\certreq.exe') -accept -user -q $file
  if ((Get-Installed $certificate.Thumbprint).Count -eq 0) {
    # certreq wants a root that Windows trusts; a client certificate needs none. 1: this user. 6: root and certificate may be untrusted. 1: base64.
    try {
      $enrolment = New-Object -ComObject X509Enrollment.CX509Enrollment
      $enrolment.Initialize(1)
      $enrolment.InstallResponse(6, [Convert]::ToBase64String($certificate.RawData), 1, '')
    } catch {
      Write-Host $_.Exception.Message
    }
  }
  $installed = Get-Installed $certificate.Thumbprint
  # The key of that request is gone: the same request would lead here again.
  $script:KeepRequest = $false
  if ($installed.Count -eq 0) {
    Stop-Run 'not_installed' '電子証明書は発行されましたが、Windows に登録できませんでした。マスターユーザ（ご自身がマスターユーザの場合はお取引店）に失効を依頼してから、もう一度発行してください。' 'The certificate was issued but could not be installed. Please ask your master user (or your branch, if you are the master) to revoke it, then obtain a new one.'
  }
  $script:Serial = $certificate.SerialNumber
  $mine = @(Get-ChildItem Cert:\CurrentUser\My | Where-Object { $_.Subject -eq $certificate.Subject })
  $script:OthersThere = ($mine.Count -gt 1)
  try { $installed[0].FriendlyName = $Service } catch { return }
}

# What the web page shows: how it ended, and nothing else.
function Send-Report {
  try {
    $report = '{"code":"' + $CodeId + '","outcome":"' + $Outcome + '","status":' + $Status + '}'
    $null = Send-Http 'POST' '/.sekisho/enrol-report' 'application/json' $report $false
  } catch {
    return
  }
}

function Clear-Traces {
  if ($null -eq $Folder) { return }
  foreach ($name in 'request.inf', 'certificate.cer') {
    Remove-Item -LiteralPath (Join-Path $Folder $name) -Force -ErrorAction SilentlyContinue
  }
  if ($KeepRequest) { return }
  Remove-Item -LiteralPath $Folder -Recurse -Force -ErrorAction SilentlyContinue
  if ($Outcome -eq 'installed') { return }
  foreach ($print in $NewRequests) {
    Remove-Item -Path ('Cert:\CurrentUser\REQUEST\' + $print) -DeleteKey -ErrorAction SilentlyContinue
  }
}

try {
  Test-Place
  Add-Type -AssemblyName System.Net.Http
  if ([Net.ServicePointManager]::SecurityProtocol -ne 0) {
    [Net.ServicePointManager]::SecurityProtocol = [Net.ServicePointManager]::SecurityProtocol -bor [Net.SecurityProtocolType]::Tls12
  }
  [Net.WebRequest]::DefaultWebProxy.Credentials = [Net.CredentialCache]::DefaultNetworkCredentials
  Say ($Service + ' の電子証明書を発行します。ログインID: ' + $LoginId) ('Obtaining a certificate for ' + $Service + '. Login ID: ' + $LoginId)
  $Folder = New-WorkFolder
  $request = New-Request
  $message = Send-Request $request
  Install-Certificate $message
  $Outcome = 'installed'
  Say '電子証明書の登録が完了しました。ブラウザの画面をすべて閉じてから開き直し、ログインしてください。' 'The certificate is installed. Close all browser windows, open the browser again, then log in.'
  if ($OthersThere) {
    Say ('電子証明書が複数あります。ログインのときは新しいほうを選んでください。シリアル番号: ' + $Serial) ('There are several certificates. Choose the new one when you log in. Serial number: ' + $Serial)
    Say '新しい電子証明書を使うと、前の電子証明書は使えなくなります。' 'Once the new one is used, the old one no longer works.'
  }
  Say 'このファイルは削除して構いません。' 'You may delete this file.'
} catch {
  if ($_.Exception.Message -ne 'stopped') {
    Say '予期しないエラーが発生しました。' 'An unexpected error occurred.'
    Write-Host $_.Exception.Message
  }
  Say '電子証明書の登録は完了していません。' 'No certificate was installed.'
} finally {
  Clear-Traces
  Send-Report
  $Code = $null
}
if ([Environment]::UserInteractive) {
  $null = Read-Host 'Enter キーを押すと閉じます / Press Enter to close'
}
if ($Outcome -ne 'installed') { exit 1 }
`
