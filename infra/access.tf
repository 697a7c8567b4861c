# What public functions ask of their callers besides a token: a page of the panel's, a second factor of
# operators and moderators, a device's proof which app it is. Each looks at what concerns it.

locals {
  asked_of_everyone = {
    FANFARE_PANEL_ORIGINS = join(",", local.panel_origins)
    FANFARE_MFA           = var.mfa
    FANFARE_APP_CHECK     = var.device_app_check
  }
}
