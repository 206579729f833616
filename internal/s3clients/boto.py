"""Drives an S3 endpoint with boto3. Each step asserts; the first failure ends the run."""
import base64, hashlib, io, os, sys, urllib.error, urllib.parse, urllib.request, uuid
import boto3, ssl
from botocore.config import Config
from botocore.exceptions import ClientError

endpoint = os.environ["ENDPOINT"]
purpose, ticket = os.environ["PURPOSE"], os.environ["TICKET"]
needs_purpose = "NEEDS_PURPOSE" in os.environ
bucket = "boto-" + uuid.uuid4().hex[:12]


def connect(give_purpose=True, **config):
    secret = config.pop("secret", None)
    key = config.pop("key", None)
    client = boto3.client("s3", endpoint_url=endpoint, aws_access_key_id=key, aws_secret_access_key=secret,
                          config=Config(retries={"max_attempts": 1}, s3={"addressing_style": "path"}, **config))

    def sign(request, signature_version, **_):
        if signature_version.endswith("-query"):
            request.params["x-strongroom-purpose"] = purpose
            request.params["x-strongroom-ticket"] = ticket
        else:
            request.headers["x-strongroom-purpose"] = urllib.parse.quote(purpose)
            request.headers["x-strongroom-ticket"] = ticket
    if give_purpose:
        client.meta.events.register("before-sign.s3", sign)
    return client


def refused(code, call, *args, **kwargs):
    try:
        call(*args, **kwargs)
    except ClientError as e:
        got = e.response["Error"]["Code"]
        assert got == code, f"{code} expected, {got}: {e}"
        return e.response
    raise AssertionError(f"{code} expected, and it went through")


def fetch(url, data=None, method="GET", headers=None):
    context = ssl.create_default_context(cafile=os.environ.get("AWS_CA_BUNDLE")) if url.startswith("https") else None
    request = urllib.request.Request(url, data=data, method=method, headers=headers or {})
    try:
        with urllib.request.urlopen(request, context=context) as answer:
            return answer.status, answer.read()
    except urllib.error.HTTPError as e:
        return e.code, e.read()


def sealed(answer):
    assert answer["ServerSideEncryption"] == "aws:kms" and answer["SSEKMSKeyId"], answer


s3 = connect()

# Buckets.
s3.create_bucket(Bucket=bucket)
s3.create_bucket(Bucket=bucket + "-eu", CreateBucketConfiguration={"LocationConstraint": "eu-west-3"})
s3.delete_bucket(Bucket=bucket + "-eu")
s3.head_bucket(Bucket=bucket)
s3.get_bucket_location(Bucket=bucket)
assert bucket in [b["Name"] for b in s3.list_buckets()["Buckets"]]
refused("BucketAlreadyOwnedByYou", s3.create_bucket, Bucket=bucket)
refused("404", s3.head_bucket, Bucket=bucket + "-none")
refused("NoSuchBucket", s3.list_objects_v2, Bucket=bucket + "-none")

# Storing and reading, with every checksum this machine's boto3 can make.
from botocore import httpchecksum
algorithms = [a for a in ("CRC32", "CRC32C", "CRC64NVME", "SHA1", "SHA256") if a.lower() in httpchecksum._CHECKSUM_CLS]
data = os.urandom(200_000)
for algorithm in algorithms:
    key = "sums/" + algorithm
    put = s3.put_object(Bucket=bucket, Key=key, Body=data, ChecksumAlgorithm=algorithm)
    sealed(put)
    got = s3.get_object(Bucket=bucket, Key=key, ChecksumMode="ENABLED")
    assert got["Body"].read() == data
    assert got["Checksum" + algorithm] == put["Checksum" + algorithm]
    assert got["ETag"] == put["ETag"] and hashlib.md5(data).hexdigest() not in put["ETag"]
    sealed(got)

# A body of unknown length, which is sent in chunks with a trailing checksum.
class Stream(io.RawIOBase):
    def __init__(self): self.left = io.BytesIO(data)
    def readable(self): return True
    def read(self, n=-1): return self.left.read(n)
s3.upload_fileobj(Stream(), bucket, "stream")
assert s3.get_object(Bucket=bucket, Key="stream")["Body"].read() == data

# What is kept beside the bytes, and what is not.
s3.put_object(Bucket=bucket, Key="meta", Body=b"", Metadata={"strongroom-queue": "billing", "note": "a  b"},
              ContentType="audio/wav", CacheControl="no-cache", ContentDisposition='attachment; filename="x"',
              ContentEncoding="gzip", ContentLanguage="fr", ACL="private", StorageClass="STANDARD", ServerSideEncryption="aws:kms")
head = s3.head_object(Bucket=bucket, Key="meta")
sealed(head)
assert head["Metadata"] == {"strongroom-queue": "billing", "note": "a  b"}, head["Metadata"]
assert (head["ContentType"], head["CacheControl"], head["ContentDisposition"], head["ContentEncoding"], head["ContentLanguage"], head["ContentLength"]) == \
    ("audio/wav", "no-cache", 'attachment; filename="x"', "gzip", "fr", 0), head
s3.put_object(Bucket=bucket, Key="named", Body=b"x", ServerSideEncryption="aws:kms", SSEKMSKeyId=head["SSEKMSKeyId"])
refused("InvalidArgument", s3.put_object, Bucket=bucket, Key="n", Body=b"x", ServerSideEncryption="aws:kms", SSEKMSKeyId="another")
if endpoint.startswith("https"):
    refused("InvalidArgument", s3.put_object, Bucket=bucket, Key="n", Body=b"x", SSECustomerAlgorithm="AES256", SSECustomerKey="k" * 32)
refused("InvalidStorageClass", s3.put_object, Bucket=bucket, Key="n", Body=b"x", StorageClass="GLACIER")
refused("AccessControlListNotSupported", s3.put_object, Bucket=bucket, Key="n", Body=b"x", ACL="public-read")
refused("404", s3.head_object, Bucket=bucket, Key="n")
refused("NoSuchKey", s3.get_object, Bucket=bucket, Key="n")

# Ranges and conditions.
s3.put_object(Bucket=bucket, Key="range", Body=data)
def part(spec): return s3.get_object(Bucket=bucket, Key="range", Range=spec)
for spec, want in (("bytes=0-9", data[:10]), ("bytes=100-", data[100:]), ("bytes=-7", data[-7:]), ("bytes=199990-999999", data[199990:])):
    got = part(spec)
    assert got["Body"].read() == want and got["ResponseMetadata"]["HTTPStatusCode"] == 206, spec
assert part("bytes=0-1,5-6")["Body"].read() == data
refused("InvalidRange", part, "bytes=200000-")
etag = s3.head_object(Bucket=bucket, Key="range")["ETag"]
refused("304", s3.get_object, Bucket=bucket, Key="range", IfNoneMatch=etag)
refused("PreconditionFailed", s3.get_object, Bucket=bucket, Key="range", IfMatch='"other"')
assert s3.get_object(Bucket=bucket, Key="range", IfMatch=etag, ResponseContentType="text/x")["ContentType"] == "text/x"

# Keys of every shape come back exactly.
odd = ["a//b", "/lead", "trail/", "..", "a/../b", "./x", "sp ace+plus&amp;<x>", "é/日本/🎧", "q?x=1&y", "p%2Fq%", "tab\tnl\nend", "k" * 1024, "~'()*!;:@,$"]
for key in odd:
    s3.put_object(Bucket=bucket, Key="odd/" + key if len(key) < 1000 else key, Body=key.encode())
    got = s3.get_object(Bucket=bucket, Key="odd/" + key if len(key) < 1000 else key)
    assert got["Body"].read() == key.encode(), key
listed = [o["Key"] for o in s3.list_objects_v2(Bucket=bucket, Prefix="odd/")["Contents"]]
assert sorted(listed) == sorted("odd/" + k for k in odd if len(k) < 1000), listed
refused("KeyTooLongError", s3.put_object, Bucket=bucket, Key="k" * 1025, Body=b"")

# Listings, paged, in both versions.
for page_size in (1, 3, 1000):
    for operation in ("list_objects", "list_objects_v2"):
        pages = s3.get_paginator(operation).paginate(Bucket=bucket, Prefix="odd/", PaginationConfig={"PageSize": page_size})
        assert [o["Key"] for p in pages for o in p.get("Contents", [])] == sorted(listed, key=str.encode), (operation, page_size)
        pages = list(s3.get_paginator(operation).paginate(Bucket=bucket, Delimiter="/", PaginationConfig={"PageSize": page_size}))
        assert [c["Prefix"] for p in pages for c in p.get("CommonPrefixes", [])] == ["odd/", "sums/"], (operation, page_size)
assert [o["Key"] for o in s3.list_objects_v2(Bucket=bucket, Prefix="sums/", StartAfter="sums/CRC64")["Contents"]] == ["sums/SHA1", "sums/SHA256"]
empty = s3.list_objects_v2(Bucket=bucket, MaxKeys=0)
assert empty["KeyCount"] == 0 and not empty["IsTruncated"]

# Multipart, by hand and by the transfer manager.
five = 5 << 20
big = os.urandom(five + 1000)
typed = "ChecksumType" in s3.meta.service_model.operation_model("CreateMultipartUpload").input_shape.members  # not in an old boto3
for algorithm, kind in (("CRC32", "COMPOSITE"), ("CRC32", "FULL_OBJECT"), ("SHA256", "COMPOSITE")):
    if kind == "FULL_OBJECT" and not typed:
        continue
    made = s3.create_multipart_upload(Bucket=bucket, Key="multi", ChecksumAlgorithm=algorithm, Metadata={"m": "1"}, **({"ChecksumType": kind} if typed else {}))
    sealed(made)
    upload = dict(Bucket=bucket, Key="multi", UploadId=made["UploadId"])
    parts = []
    for number, piece in ((2, big[five:]), (1, big[:five])):
        done = s3.upload_part(PartNumber=number, Body=piece, ChecksumAlgorithm=algorithm, **upload)
        sealed(done)
        parts.append({"PartNumber": number, "ETag": done["ETag"], "Checksum" + algorithm: done["Checksum" + algorithm]})
    parts.sort(key=lambda p: p["PartNumber"])
    shown = s3.list_parts(**upload)
    assert [(p["PartNumber"], p["Size"]) for p in shown["Parts"]] == [(1, five), (2, 1000)]
    assert made["UploadId"] in [u["UploadId"] for u in s3.list_multipart_uploads(Bucket=bucket)["Uploads"]]
    refused("InvalidPartOrder", s3.complete_multipart_upload, MultipartUpload={"Parts": parts[::-1]}, **upload)
    refused("InvalidPart", s3.complete_multipart_upload, MultipartUpload={"Parts": [dict(parts[0], ETag='"none"'), parts[1]]}, **upload)
    done = s3.complete_multipart_upload(MultipartUpload={"Parts": parts}, **upload)
    sealed(done)
    assert done.get("ChecksumType", kind) == kind and done["Checksum" + algorithm].endswith("-2") == (kind == "COMPOSITE"), done
    got = s3.get_object(Bucket=bucket, Key="multi", ChecksumMode="ENABLED")
    assert got["Body"].read() == big and got["Metadata"] == {"m": "1"}  # boto3 itself checks a full-object checksum
    assert got["Checksum" + algorithm] == done["Checksum" + algorithm]
    refused("NoSuchUpload", s3.list_parts, **upload)
second = s3.get_object(Bucket=bucket, Key="multi", PartNumber=2)
assert second["Body"].read() == big[five:] and second["PartsCount"] == 2
abandoned = s3.create_multipart_upload(Bucket=bucket, Key="gone")["UploadId"]
s3.abort_multipart_upload(Bucket=bucket, Key="gone", UploadId=abandoned)
refused("NoSuchUpload", s3.abort_multipart_upload, Bucket=bucket, Key="gone", UploadId=abandoned)
s3.upload_fileobj(io.BytesIO(big * 2), bucket, "managed")
back = io.BytesIO()
s3.download_fileobj(bucket, "managed", back)
assert back.getvalue() == big * 2

# Presigned URLs.
url = s3.generate_presigned_url("get_object", Params={"Bucket": bucket, "Key": "range", "ResponseContentType": "audio/x"}, ExpiresIn=60)
if "X-Amz-Signature" not in url:
    s3 = connect(signature_version="s3v4")
    url = s3.generate_presigned_url("get_object", Params={"Bucket": bucket, "Key": "range", "ResponseContentType": "audio/x"}, ExpiresIn=60)
assert "x-strongroom-purpose=" in url, url
status, body = fetch(url)
assert (status, body) == (200, data), (status, body[:300])
assert fetch(url.replace("x-strongroom-ticket=", "x-strongroom-ticket=Z"))[0] == 403
assert fetch(url, headers={"x-strongroom-purpose": "other"})[0] == 403
put_url = s3.generate_presigned_url("put_object", Params={"Bucket": bucket, "Key": "presigned", "Metadata": {"via": "url"}}, ExpiresIn=60)
status, body = fetch(put_url, data=b"by url", method="PUT", headers={"x-amz-meta-via": "url", "Content-Type": ""} if "x-amz-meta-via" in urllib.parse.unquote(put_url.split("SignedHeaders=")[1].split("&")[0]) else {})
assert status == 200, (status, body)
kept = s3.get_object(Bucket=bucket, Key="presigned")
assert kept["Body"].read() == b"by url" and kept["Metadata"] == {"via": "url"}, kept["Metadata"]
status, body = fetch(connect(signature_version="s3v4").generate_presigned_url("get_object", Params={"Bucket": bucket, "Key": "range"}, ExpiresIn=7 * 86400))
assert status == 400 and b"X-Amz-Expires" in body, (status, body)

# Who is not believed.
refused("InvalidAccessKeyId", connect(key="AKIANOBODY", secret="x" * 40).list_buckets)
refused("SignatureDoesNotMatch", connect(key=os.environ["AWS_ACCESS_KEY_ID"], secret="x" * 40).list_buckets)
old = connect(give_purpose=False, signature_version="s3")
answer = refused("InvalidRequest", old.list_objects_v2, Bucket=bucket)
assert "AWS4-HMAC-SHA256" in answer["Error"]["Message"], answer
status, body = fetch(endpoint + "/" + bucket + "/range")
assert status == 403 and b"<Code>AccessDenied</Code>" in body
if needs_purpose:
    refused("AccessDenied", connect(give_purpose=False).get_object, Bucket=bucket, Key="range")

# Deleting.
s3.delete_object(Bucket=bucket, Key="meta")
s3.delete_object(Bucket=bucket, Key="meta")
refused("BucketNotEmpty", s3.delete_bucket, Bucket=bucket)
keys = [o["Key"] for p in s3.get_paginator("list_objects_v2").paginate(Bucket=bucket) for o in p.get("Contents", [])]
answer = s3.delete_objects(Bucket=bucket, Delete={"Objects": [{"Key": k} for k in keys]})
assert sorted(d["Key"] for d in answer["Deleted"]) == sorted(keys) and not answer.get("Errors"), answer
assert "Contents" not in s3.list_objects_v2(Bucket=bucket)
s3.delete_bucket(Bucket=bucket)
print("boto3", boto3.__version__, "checksums:", ", ".join(algorithms))
