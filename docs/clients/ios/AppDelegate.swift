import UIKit
import UserNotifications

/// Asks for consent when a person presses the button, and opens the link of what they tapped.
@main
final class AppDelegate: UIResponder, UIApplicationDelegate, UNUserNotificationCenterDelegate {
    var window: UIWindow?
    private let schemes: Set<String> = ["https", "aurora"]
    private var saidYes = false

    func application(
        _ application: UIApplication,
        didFinishLaunchingWithOptions options: [UIApplication.LaunchOptionsKey: Any]?
    ) -> Bool {
        UNUserNotificationCenter.current().delegate = self
        window = UIWindow(frame: UIScreen.main.bounds)
        window?.rootViewController = ConsentController(app: self)
        window?.makeKeyAndVisible()
        // At every start: Apple may have changed the address, and answers below.
        UNUserNotificationCenter.current().getNotificationSettings { settings in
            guard settings.authorizationStatus == .authorized else { return }
            DispatchQueue.main.async { application.registerForRemoteNotifications() }
        }
        return true
    }

    // MARK: consent

    /// Called by the button, never by itself.
    func allow() {
        UNUserNotificationCenter.current().requestAuthorization(options: [.alert, .sound, .badge]) {
            given, _ in
            DispatchQueue.main.async {
                self.saidYes = given
                if given { UIApplication.shared.registerForRemoteNotifications() }
            }
        }
    }

    func refuse() {
        Task { try? await Fanfare.shared.withdraw() }
        UIApplication.shared.unregisterForRemoteNotifications()
    }

    func leave() {
        Task { try? await Fanfare.shared.leave() }
        UIApplication.shared.unregisterForRemoteNotifications()
    }

    // MARK: the address

    func application(
        _ application: UIApplication,
        didRegisterForRemoteNotificationsWithDeviceToken deviceToken: Data
    ) {
        let address = deviceToken.map { String(format: "%02x", $0) }.joined()
        let allowed = saidYes
        saidYes = false
        Task {
            do {
                if allowed {
                    try await Fanfare.shared.allow(address: address)
                } else {
                    try await Fanfare.shared.refresh(address: address)
                }
            } catch {
                NSLog("Fanfare: \(error)") // the next start tries again
            }
        }
    }

    func application(
        _ application: UIApplication,
        didFailToRegisterForRemoteNotificationsWithError error: Error
    ) {
        NSLog("APNs gives no address: \(error)")
    }

    // MARK: what arrives

    /// Show it while the app is open, too.
    func userNotificationCenter(
        _ center: UNUserNotificationCenter,
        willPresent notification: UNNotification
    ) async -> UNNotificationPresentationOptions {
        [.banner, .list, .sound]
    }

    /// A tap, or the button that NotificationService put there.
    @MainActor
    func userNotificationCenter(
        _ center: UNUserNotificationCenter,
        didReceive response: UNNotificationResponse
    ) async {
        guard response.actionIdentifier != UNNotificationDismissActionIdentifier else { return }
        let push = response.notification.request.content.userInfo
        guard let text = push["url"] as? String, let url = URL(string: text),
              let scheme = url.scheme, schemes.contains(scheme) else { return }
        if let seconds = Int(push["forceTimer"] as? String ?? "") {
            showFirst(push, seconds: seconds, url: url)
        } else {
            await UIApplication.shared.open(url)
        }
    }

    /// A notification with a forced time stays in front before its link is opened.
    @MainActor
    private func showFirst(_ push: [AnyHashable: Any], seconds: Int, url: URL) {
        let aps = push["aps"] as? [String: Any]
        let alert = aps?["alert"] as? [String: Any]
        let dialog = UIAlertController(
            title: alert?["title"] as? String, message: alert?["body"] as? String,
            preferredStyle: .alert
        )
        let open = UIAlertAction(title: push["urlButtonName"] as? String ?? "Open", style: .default) {
            _ in UIApplication.shared.open(url)
        }
        open.isEnabled = false
        dialog.addAction(open)
        window?.rootViewController?.present(dialog, animated: true)
        DispatchQueue.main.asyncAfter(deadline: .now() + .seconds(seconds)) { open.isEnabled = true }
    }
}

/// Three buttons: yes, no, and forget me.
final class ConsentController: UIViewController {
    private let app: AppDelegate

    init(app: AppDelegate) {
        self.app = app
        super.init(nibName: nil, bundle: nil)
    }

    @available(*, unavailable)
    required init?(coder: NSCoder) {
        fatalError("made in code")
    }

    override func viewDidLoad() {
        super.viewDidLoad()
        view.backgroundColor = .systemBackground
        let buttons = UIStackView(arrangedSubviews: [
            button("Notify me") { [app] in app.allow() },
            button("Notify me no more") { [app] in app.refuse() },
            button("Forget this iPhone") { [app] in app.leave() },
        ])
        buttons.axis = .vertical
        buttons.spacing = 16
        buttons.translatesAutoresizingMaskIntoConstraints = false
        view.addSubview(buttons)
        NSLayoutConstraint.activate([
            buttons.centerXAnchor.constraint(equalTo: view.centerXAnchor),
            buttons.centerYAnchor.constraint(equalTo: view.centerYAnchor),
        ])
    }

    private func button(_ title: String, _ press: @escaping () -> Void) -> UIButton {
        UIButton(configuration: .filled(), primaryAction: UIAction(title: title) { _ in press() })
    }
}
