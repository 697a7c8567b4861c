import Foundation

/// What the server refused for good. `code` is stable, `detail` is for people.
struct Refused: Error {
    let status: Int
    let code: String
    let detail: String

    /// The server does not know this hwid with this secret.
    var isUnknown: Bool { code == "unauthenticated" || code == "notFound" }
}

/// What may go better later; `seconds` is how long the server asked to be left alone.
struct Away: Error {
    let why: String
    var seconds: Double?
}

/// The calls of one iPhone at device-api, one after the other.
actor Fanfare {
    static let shared = Fanfare()

    /// Address before /device-api, and what this app's people are notified of.
    private let gateway = "https://REGION-PROJECT.cloudfunctions.net"
    private let domains = ["news.aurora.example"]
    private let keychain = Keychain()
    private let patience = 5

    private let appCheckToken: @Sendable () async -> String

    /// `appCheckToken` is needed only where the server asks for App Check: it returns a token of
    /// FirebaseAppCheck.
    init(appCheckToken: @escaping @Sendable () async -> String = { "" }) {
        self.appCheckToken = appCheckToken
    }

    /// At every start, with the address as it is now: it may be new, and the server wants to hear
    /// of us.
    func refresh(address: String) async throws {
        let kept = try known()
        if kept.withdrawn {
            if kept.untold { try await withdraw() }
        } else if kept.registered, kept.address != address {
            try await moved(to: address)
        } else if kept.registered {
            try await register(address: address)
        }
    }

    /// A person said yes: register, and where they had said no before, take that back.
    func allow(address: String) async throws {
        let withdrawn = try known().withdrawn
        try await register(address: address)
        guard withdrawn else { return }
        var kept = try known()
        try await send("POST", own(kept, "/consent"), ["consent": true], kept.secret)
        try await send("POST", own(kept, "/token"), push(address), kept.secret)
        kept.withdrawn = false
        try keychain.write(kept)
    }

    /// A person said no: nothing is sent any more, and the server forgets the address. It holds at
    /// once; what the server could not be told now, it is told at the next start.
    func withdraw() async throws {
        var kept = try known()
        kept.withdrawn = true
        kept.address = ""
        kept.untold = kept.registered
        try keychain.write(kept)
        try await tellIfKnown("POST", own(kept, "/consent"), ["consent": false], kept)
        kept.untold = false
        try keychain.write(kept)
    }

    /// Be forgotten, here and there.
    func leave() async throws {
        let kept = try known()
        try await tellIfKnown("DELETE", own(kept, ""), nil, kept)
        keychain.clear()
    }

    /// The push service changed the address.
    private func moved(to address: String) async throws {
        var kept = try known()
        do {
            try await send("POST", own(kept, "/token"), push(address), kept.secret)
            kept.address = address
            try keychain.write(kept)
        } catch let refusal as Refused where refusal.isUnknown {
            try await register(address: address)
        }
    }

    /// Register, or refresh what is known. The secret is ours, so a registration whose answer was
    /// lost is simply repeated. An hwid that is refused with its secret and without was given to
    /// another device: this iPhone begins anew.
    private func register(address: String) async throws {
        let kept = try known()
        if kept.registered, try await registered(kept, address, kept.secret) { return }
        if try await registered(kept, address, nil) { return }
        let anew = try Kept.begun()
        try keychain.write(anew)
        _ = try await registered(anew, address, nil)
    }

    private func registered(
        _ kept: Kept, _ address: String, _ credential: String?
    ) async throws -> Bool {
        let version = Bundle.main.object(forInfoDictionaryKey: "CFBundleShortVersionString")
        let body: [String: Any] = [
            "hwid": kept.hwid,
            "platform": "ios",
            "domains": domains,
            "locale": Locale.current.identifier,
            "timeZone": TimeZone.current.identifier,
            "appVersion": version as? String ?? "",
            "pushAddress": push(address),
            "deviceSecret": kept.secret,
        ]
        do {
            try await send("POST", "/v1/devices", body, credential)
        } catch let refusal as Refused where refusal.isUnknown {
            return false
        }
        var known = kept
        known.registered = true
        known.address = address
        try keychain.write(known)
        return true
    }

    /// Builds made by Xcode have addresses of Apple's sandbox, those of TestFlight and the App Store
    /// of production.
    private func push(_ address: String) -> [String: Any] {
        #if DEBUG
        let environment = "sandbox"
        #else
        let environment = "production"
        #endif
        return ["kind": "apns", "value": address, "environment": environment]
    }

    private func known() throws -> Kept {
        if let kept = try keychain.read() { return kept }
        let kept = try Kept.begun()
        try keychain.write(kept)
        return kept
    }

    private func own(_ kept: Kept, _ path: String) -> String {
        let allowed = CharacterSet.alphanumerics.union(CharacterSet(charactersIn: "-._~"))
        let hwid = kept.hwid.addingPercentEncoding(withAllowedCharacters: allowed) ?? ""
        return "/v1/devices/\(hwid)\(path)"
    }

    private func tellIfKnown(
        _ method: String, _ path: String, _ body: [String: Any]?, _ kept: Kept
    ) async throws {
        guard kept.registered else { return }
        do {
            try await send(method, path, body, kept.secret)
        } catch let refusal as Refused where refusal.isUnknown {
            return
        }
    }

    /// One call, tried again while the server is away: as long as it says, else 1, 2, 4 … seconds.
    private func send(
        _ method: String, _ path: String, _ body: [String: Any]?, _ credential: String?
    ) async throws {
        for attempt in 0..<patience {
            do {
                return try await once(method, path, body, credential)
            } catch let away as Away where attempt + 1 < patience {
                let seconds = away.seconds ?? min(60, pow(2, Double(attempt)))
                let spread = Double.random(in: 1...1.2)
                try await Task.sleep(nanoseconds: UInt64(seconds * spread * 1_000_000_000))
            }
        }
    }

    private func once(
        _ method: String, _ path: String, _ body: [String: Any]?, _ credential: String?
    ) async throws {
        guard let url = URL(string: "\(gateway)/device-api\(path)") else {
            throw Refused(status: 0, code: "address", detail: "this is no address: \(path)")
        }
        var request = URLRequest(url: url, timeoutInterval: 30)
        request.httpMethod = method
        if let body {
            request.httpBody = try JSONSerialization.data(withJSONObject: body)
            request.setValue("application/json", forHTTPHeaderField: "Content-Type")
        }
        if let credential {
            request.setValue("Bearer \(credential)", forHTTPHeaderField: "Authorization")
        }
        let token = await appCheckToken()
        if !token.isEmpty {
            request.setValue(token, forHTTPHeaderField: "X-Firebase-AppCheck")
        }
        let (said, answer) = try await answered(request)
        let status = answer.statusCode
        if (200..<300).contains(status) { return }
        if status == 429 || status >= 500 {
            let seconds = answer.value(forHTTPHeaderField: "Retry-After").flatMap(Double.init)
            throw Away(why: "the server answered \(status)", seconds: seconds)
        }
        let problem = (try? JSONSerialization.jsonObject(with: said)) as? [String: Any]
        throw Refused(
            status: status,
            code: problem?["code"] as? String ?? "",
            detail: problem?["detail"] as? String ?? ""
        )
    }

    private func answered(_ request: URLRequest) async throws -> (Data, HTTPURLResponse) {
        do {
            let (said, answer) = try await URLSession.shared.data(for: request)
            guard let answer = answer as? HTTPURLResponse else { throw Away(why: "no HTTP") }
            return (said, answer)
        } catch let failure as URLError {
            throw Away(why: failure.localizedDescription)
        }
    }
}
