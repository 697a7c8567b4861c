import Foundation
import Security

/// What the app knows of itself at Fanfare. `untold`: a no that the server has not heard yet.
struct Kept: Codable, Equatable {
    var hwid: String
    var secret: String
    var registered = false
    var address = ""
    var withdrawn = false
    var untold = false

    /// Makes up an hwid and a secret of 44 visible ASCII characters.
    static func begun() throws -> Kept {
        var bytes = [UInt8](repeating: 0, count: 33)
        let status = SecRandomCopyBytes(kSecRandomDefault, bytes.count, &bytes)
        guard status == errSecSuccess else { throw KeychainError(status: status) }
        return Kept(hwid: "ios-\(UUID().uuidString)", secret: Data(bytes).base64EncodedString())
    }
}

struct KeychainError: Error {
    let status: OSStatus
}

/// Keeps it in the keychain: of this device only, and readable once it was unlocked after a start.
/// It outlives the app's removal, so an app that is installed again is the same device.
struct Keychain {
    private let item: [String: Any] = [
        kSecClass as String: kSecClassGenericPassword,
        kSecAttrService as String: "fanfare",
        kSecAttrAccount as String: "device",
    ]

    func read() throws -> Kept? {
        var query = item
        query[kSecReturnData as String] = true
        var found: CFTypeRef?
        let status = SecItemCopyMatching(query as CFDictionary, &found)
        if status == errSecItemNotFound { return nil }
        guard status == errSecSuccess, let data = found as? Data else {
            throw KeychainError(status: status)
        }
        return try JSONDecoder().decode(Kept.self, from: data)
    }

    func write(_ kept: Kept) throws {
        let values: [String: Any] = [
            kSecValueData as String: try JSONEncoder().encode(kept),
            kSecAttrAccessible as String: kSecAttrAccessibleAfterFirstUnlockThisDeviceOnly,
        ]
        var status = SecItemUpdate(item as CFDictionary, values as CFDictionary)
        if status == errSecItemNotFound {
            let new = item.merging(values) { _, new in new }
            status = SecItemAdd(new as CFDictionary, nil)
        }
        guard status == errSecSuccess else { throw KeychainError(status: status) }
    }

    func clear() {
        SecItemDelete(item as CFDictionary)
    }
}
