"""The toasts of Windows, through Windows PowerShell.

The script never changes and is passed encoded; the notification is JSON in a variable, encoded as
well, and its texts become text nodes of the toast. Toasts are of Windows PowerShell 5, which is
part of Windows; PowerShell 7 cannot make them.
"""

import base64
import json
from collections.abc import Callable
from typing import Final

from cli.desktop.note import Note
from cli.desktop.programs import Programs

VARIABLE: Final = "FANFARE_NOTE"
_READ: Final = f"""
$ErrorActionPreference = 'Stop'
$note = [Text.Encoding]::UTF8.GetString([Convert]::FromBase64String($env:{VARIABLE})) |
  ConvertFrom-Json
$app = '{{1AC14E77-02E7-4E5D-B744-2EB1AE5198B7}}\\WindowsPowerShell\\v1.0\\powershell.exe'
[void][Windows.UI.Notifications.ToastNotificationManager,
  Windows.UI.Notifications, ContentType = WindowsRuntime]
[void][Windows.Data.Xml.Dom.XmlDocument, Windows.Data.Xml.Dom, ContentType = WindowsRuntime]
"""
SHOW: Final = (
    _READ
    + """
if ($note.seconds -gt 0) {
  # A message box in front of everything (0x1000) with an i (0x40), which closes after so long.
  [void](New-Object -ComObject WScript.Shell).Popup($note.body, $note.seconds, $note.title, 0x1040)
}
$xml = New-Object Windows.Data.Xml.Dom.XmlDocument
$xml.LoadXml('<toast><visual><binding template="ToastGeneric"><text/><text/></binding>' +
  '</visual></toast>')
$texts = $xml.GetElementsByTagName('text')
[void]$texts.Item(0).AppendChild($xml.CreateTextNode($note.title))
[void]$texts.Item(1).AppendChild($xml.CreateTextNode($note.body))
if ($note.picture) {
  $image = $texts.Item(1).ParentNode.AppendChild($xml.CreateElement('image'))
  $image.SetAttribute('placement', 'hero')
  $image.SetAttribute('src', $note.picture)
}
if ($note.link) {
  $toast = $xml.DocumentElement
  $toast.SetAttribute('activationType', 'protocol')
  $toast.SetAttribute('launch', $note.link)
  $actions = $toast.AppendChild($xml.CreateElement('actions'))
  $action = $actions.AppendChild($xml.CreateElement('action'))
  $action.SetAttribute('activationType', 'protocol')
  $action.SetAttribute('content', $note.button)
  $action.SetAttribute('arguments', $note.link)
}
$shown = New-Object Windows.UI.Notifications.ToastNotification $xml
$shown.Tag = 'slot'
$shown.Group = 'fanfare'
if ($note.expiresAt) { $shown.ExpirationTime = [DateTimeOffset]::Parse($note.expiresAt) }
[Windows.UI.Notifications.ToastNotificationManager]::CreateToastNotifier($app).Show($shown)
"""
)
WITHDRAW: Final = (
    _READ
    + """
[Windows.UI.Notifications.ToastNotificationManager]::History.Remove('slot', 'fanfare', $app)
"""
)


class WindowsScreen:
    """Notifications as toasts, whose link Windows opens by itself; a message box before where one
    is to stay in front.
    """

    name = "Windows"

    def __init__(self, programs: Programs, picture_of: Callable[[Note], str]) -> None:
        self._programs, self._picture_of = programs, picture_of

    def show(self, note: Note) -> None:
        """Show it in the place of the one before."""
        self._run(
            SHOW,
            {
                "title": note.title,
                "body": note.body,
                "link": note.link,
                "button": note.button or "Open",
                "picture": self._picture_of(note),
                "seconds": note.force_seconds,
                "expiresAt": note.expires_at.isoformat() if note.expires_at else "",
            },
        )

    def withdraw(self) -> None:
        """Take it out of the Action Centre."""
        self._run(WITHDRAW, {})

    def close(self) -> None:
        """Leave everything as it is."""

    def _run(self, script: str, note: dict[str, object]) -> None:
        encoded = base64.b64encode(script.encode("utf-16-le")).decode()
        given = base64.b64encode(json.dumps(note).encode()).decode()
        argv = ["powershell.exe", "-NoProfile", "-NonInteractive", "-EncodedCommand", encoded]
        self._programs.run(argv, {VARIABLE: given})
