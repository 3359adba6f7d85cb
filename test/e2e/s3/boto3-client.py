"""What boto3 does to a bucket in its ordinary way, default checksums included."""
import os
import sys
import urllib.request

import boto3
from botocore.client import Config
from botocore.exceptions import ClientError

bucket, large = sys.argv[1], sys.argv[2]
endpoint = os.environ["AWS_ENDPOINT_URL"]
s3 = boto3.client("s3", endpoint_url=endpoint, config=Config(signature_version="s3v4"))

s3.create_bucket(Bucket=bucket)
s3.put_object(Bucket=bucket, Key="a ü", Body=b"hello", Metadata={"a": "b"}, ContentType="text/plain")
got = s3.get_object(Bucket=bucket, Key="a ü")
assert got["Body"].read() == b"hello" and got["Metadata"] == {"a": "b"}
assert s3.get_object(Bucket=bucket, Key="a ü", Range="bytes=-2")["Body"].read() == b"lo"

s3.upload_file(large, bucket, "large")
s3.download_file(bucket, "large", large + ".boto3")
with open(large, "rb") as one, open(large + ".boto3", "rb") as other:
    while piece := one.read(1 << 20):
        assert other.read(1 << 20) == piece
os.remove(large + ".boto3")

pages = s3.get_paginator("list_objects_v2").paginate(Bucket="many")
assert sum(len(page["Contents"]) for page in pages) == 2500

s3.copy({"Bucket": bucket, "Key": "large"}, bucket, "copy")
assert s3.head_object(Bucket=bucket, Key="copy")["ContentLength"] == os.path.getsize(large)

# Older ones know no conditions of writes.
if "IfNoneMatch" in s3.meta.service_model.operation_model("PutObject").input_shape.members:
    try:
        s3.put_object(Bucket=bucket, Key="a ü", Body=b"", IfNoneMatch="*")
        raise AssertionError("it was there")
    except ClientError as error:
        assert error.response["Error"]["Code"] == "PreconditionFailed"

url = s3.generate_presigned_url("get_object", Params={"Bucket": bucket, "Key": "a ü"}, ExpiresIn=60)
assert urllib.request.urlopen(url).read() == b"hello"

s3.put_bucket_versioning(Bucket=bucket, VersioningConfiguration={"Status": "Enabled"})
first = s3.put_object(Bucket=bucket, Key="v", Body=b"1")["VersionId"]
s3.put_object(Bucket=bucket, Key="v", Body=b"2")
s3.delete_object(Bucket=bucket, Key="v")
assert s3.get_object(Bucket=bucket, Key="v", VersionId=first)["Body"].read() == b"1"

for page in s3.get_paginator("list_object_versions").paginate(Bucket=bucket):
    found = page.get("Versions", []) + page.get("DeleteMarkers", [])
    objects = [{"Key": each["Key"], "VersionId": each["VersionId"]} for each in found]
    assert "Errors" not in s3.delete_objects(Bucket=bucket, Delete={"Objects": objects})
s3.delete_bucket(Bucket=bucket)
