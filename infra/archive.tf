# The archive of finished notifications: a folder in a bucket of Google Cloud or of AWS that export-events
# writes and nobody of this project may change. Off unless `archive` is given.
#
# No key is exchanged with AWS: it accepts the identity token of one account of Google, for one audience.

locals {
  archive = {
    in_aws         = var.archive == null ? false : startswith(var.archive.to, "s3://")
    in_google      = var.archive == null ? false : startswith(var.archive.to, "gs://")
    retention_days = try(coalesce(var.archive.retention_days), "365")
    region         = try(coalesce(var.archive.region), "eu-west-1")
    bucket         = var.archive == null ? "none" : split("/", var.archive.to)[2]
    kms_key        = try(var.archive.kms_key, null)
    folder         = var.archive == null ? "" : join("", [for part in slice(split("/", var.archive.to), 3, length(split("/", var.archive.to))) : "${part}/" if part != ""])
  }
}

# To write, and to read back what an earlier try has written; neither role may replace or delete.
resource "google_storage_bucket_iam_member" "archive" {
  for_each = toset(local.archive.in_google ? ["roles/storage.objectCreator", "roles/storage.objectViewer"] : [])

  bucket = local.archive.bucket
  role   = each.value
  member = module.function["export-events"].member
}

resource "aws_iam_role" "archive" {
  count = local.archive.in_aws ? 1 : 0

  name                 = "fanfare-archive-${var.project}"
  description          = "Lets Fanfare in the project ${var.project} of Google Cloud write its archive."
  max_session_duration = 3600

  assume_role_policy = jsonencode({
    Version = "2012-10-17"
    Statement = [{
      Effect    = "Allow"
      Action    = "sts:AssumeRoleWithWebIdentity"
      Principal = { Federated = "accounts.google.com" }
      Condition = {
        StringEquals = {
          "accounts.google.com:aud"  = module.function["export-events"].account_id
          "accounts.google.com:sub"  = module.function["export-events"].account_id
          "accounts.google.com:oaud" = "fanfare-archive"
        }
      }
    }]
  })
}

resource "aws_iam_role_policy" "archive" {
  count = local.archive.in_aws ? 1 : 0

  name = "write-archive"
  role = aws_iam_role.archive[0].id

  policy = jsonencode({
    Version = "2012-10-17"
    Statement = concat(
      [{
        Effect   = "Allow"
        Action   = ["s3:PutObject", "s3:PutObjectRetention", "s3:GetObject"]
        Resource = ["arn:aws:s3:::${local.archive.bucket}/${local.archive.folder}*"]
        },
        {
          Effect   = "Allow"
          Action   = ["s3:ListBucket", "s3:GetBucketObjectLockConfiguration"]
          Resource = ["arn:aws:s3:::${local.archive.bucket}"]
      }],
      local.archive.kms_key == null ? [] : [{
        Effect   = "Allow"
        Action   = ["kms:GetPublicKey", "kms:Sign"]
        Resource = [local.archive.kms_key]
      }],
    )
  })
}
