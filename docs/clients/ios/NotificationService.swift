import UserNotifications

/// The app's Notification Service Extension. It is asked for every push that carries an image
/// (`mutable-content`), fetches it, and puts the link's button there. What takes too long is shown
/// without.
final class NotificationService: UNNotificationServiceExtension {
    private var show: ((UNNotificationContent) -> Void)?
    private var content: UNMutableNotificationContent?

    override func didReceive(
        _ request: UNNotificationRequest,
        withContentHandler show: @escaping (UNNotificationContent) -> Void
    ) {
        self.show = show
        let content = request.content.mutableCopy() as? UNMutableNotificationContent
        self.content = content
        guard let content else { return show(request.content) }
        Task {
            if content.userInfo["url"] != nil { await addButton(to: content) }
            await addImage(to: content)
            show(content)
        }
    }

    override func serviceExtensionTimeWillExpire() {
        if let show, let content { show(content) }
    }

    /// A category of its own, since its button's label came with the push.
    private func addButton(to content: UNMutableNotificationContent) async {
        let label = content.userInfo["urlButtonName"] as? String ?? "Open"
        let open = UNNotificationAction(identifier: "open", title: label, options: [.foreground])
        let category = UNNotificationCategory(
            identifier: "fanfare-link", actions: [open], intentIdentifiers: []
        )
        let center = UNUserNotificationCenter.current()
        var categories = await center.notificationCategories()
        categories = categories.filter { $0.identifier != category.identifier }
        center.setNotificationCategories(categories.union([category]))
        content.categoryIdentifier = category.identifier
        _ = await center.notificationCategories() // it counts once it can be read back
    }

    private func addImage(to content: UNMutableNotificationContent) async {
        guard let text = content.userInfo["image"] as? String, let url = URL(string: text),
              url.scheme == "https",
              let (file, answer) = try? await URLSession.shared.download(from: url) else { return }
        let types = ["image/jpeg": "jpg", "image/png": "png", "image/gif": "gif"]
        guard let type = answer.mimeType, let ending = types[type] else { return }
        let named = file.deletingPathExtension().appendingPathExtension(ending)
        do {
            try FileManager.default.moveItem(at: file, to: named)
            content.attachments = [try UNNotificationAttachment(identifier: "image", url: named)]
        } catch {
            return
        }
    }
}
