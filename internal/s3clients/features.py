"""Drives with boto3 what a bucket can do beside keeping bytes: versions, copies, conditional
writes, tags, locks, lifecycle, CORS, forms, configuration. Each part has a bucket of its own
and asserts; every part that fails is named, and the run fails with them."""
import base64, datetime, io, json, os, sys, threading, time, traceback, urllib.error, urllib.parse, urllib.request, uuid
import boto3, ssl
from boto3.s3.transfer import TransferConfig
from botocore.config import Config
from botocore.exceptions import ClientError, ParamValidationError, WaiterError

endpoint = os.environ["ENDPOINT"]
purpose, ticket = os.environ["PURPOSE"], os.environ["TICKET"]


def connect(session=boto3, give_purpose=True):
    client = session.client("s3", endpoint_url=endpoint,
                            config=Config(retries={"max_attempts": 1}, signature_version="s3v4", s3={"addressing_style": "path"}))

    def sign(request, signature_version, **_):
        if not signature_version.endswith("-query"):
            request.headers["x-strongroom-purpose"] = urllib.parse.quote(purpose)
            request.headers["x-strongroom-ticket"] = ticket
    if give_purpose:
        client.meta.events.register("before-sign.s3", sign)
    return client


s3 = connect()


def knows(operation, member):
    """Whether this machine's boto3 is young enough to know a parameter."""
    return member in s3.meta.service_model.operation_model(operation).input_shape.members


def refused(code, call, **kwargs):
    try:
        call(**kwargs)
    except ClientError as e:
        got = e.response["Error"]["Code"]
        assert got in (code if isinstance(code, tuple) else (code,)), f"{code} expected, {got}: {e}"
        return e.response
    raise AssertionError(f"{code} expected, and it went through")


def fetch(url, method="GET", headers=None, data=None):
    context = ssl.create_default_context(cafile=os.environ.get("AWS_CA_BUNDLE")) if url.startswith("https") else None
    request = urllib.request.Request(url, method=method, headers=headers or {}, data=data)
    try:
        with urllib.request.urlopen(request, context=context) as answer:
            return answer.status, answer.headers, answer.read()
    except urllib.error.HTTPError as e:
        return e.code, e.headers, e.read()


def body(**kwargs):
    return s3.get_object(**kwargs)["Body"].read()


def empty(bucket):
    for page in s3.get_paginator("list_object_versions").paginate(Bucket=bucket):
        for v in page.get("Versions", []) + page.get("DeleteMarkers", []):
            s3.delete_object(Bucket=bucket, Key=v["Key"], VersionId=v["VersionId"], BypassGovernanceRetention=True)
    s3.delete_bucket(Bucket=bucket)


def versions(b):
    put = lambda key, text: s3.put_object(Bucket=b, Key=key, Body=text).get("VersionId")
    state = lambda status: s3.put_bucket_versioning(Bucket=b, VersioningConfiguration={"Status": status})
    assert "Status" not in s3.get_bucket_versioning(Bucket=b)
    assert put("k", b"before") is None
    state("Enabled")
    assert s3.get_bucket_versioning(Bucket=b)["Status"] == "Enabled"
    one, two = put("k", b"one"), put("k", b"two")
    assert one and two and one != two
    assert body(Bucket=b, Key="k") == b"two" and body(Bucket=b, Key="k", VersionId=one) == b"one" and body(Bucket=b, Key="k", VersionId="null") == b"before"
    assert s3.head_object(Bucket=b, Key="k")["VersionId"] == two
    shown = s3.list_object_versions(Bucket=b)["Versions"]
    assert [(v["VersionId"], v["IsLatest"], v["Size"]) for v in shown] == [(two, True, 3), (one, False, 3), ("null", False, 6)], shown
    gone = s3.delete_object(Bucket=b, Key="k")
    assert gone["DeleteMarker"] and gone["VersionId"]
    answer = refused("NoSuchKey", s3.get_object, Bucket=b, Key="k")
    assert answer["ResponseMetadata"]["HTTPHeaders"]["x-amz-delete-marker"] == "true", answer
    refused("MethodNotAllowed", s3.get_object, Bucket=b, Key="k", VersionId=gone["VersionId"])
    refused("404", s3.head_object, Bucket=b, Key="k")
    assert "Contents" not in s3.list_objects_v2(Bucket=b)
    listed = s3.list_object_versions(Bucket=b)
    assert [(m["VersionId"], m["IsLatest"]) for m in listed["DeleteMarkers"]] == [(gone["VersionId"], True)], listed
    assert not any(v["IsLatest"] for v in listed["Versions"])
    assert s3.delete_object(Bucket=b, Key="k", VersionId=gone["VersionId"])["DeleteMarker"]
    assert body(Bucket=b, Key="k") == b"two"
    assert s3.delete_object(Bucket=b, Key="k", VersionId=two)["VersionId"] == two
    assert body(Bucket=b, Key="k") == b"one"
    refused("NoSuchVersion", s3.get_object, Bucket=b, Key="k", VersionId=two)
    refused("InvalidArgument", s3.get_object, Bucket=b, Key="k", VersionId="not a version")
    state("Suspended")
    for text in (b"null one", b"null two"):
        s3.put_object(Bucket=b, Key="k", Body=text)
    assert body(Bucket=b, Key="k") == b"null two"
    shown = s3.list_object_versions(Bucket=b)["Versions"]
    assert sorted(v["VersionId"] for v in shown) == sorted([one, "null"]), shown
    gone = s3.delete_object(Bucket=b, Key="k")
    assert gone["DeleteMarker"] and gone["VersionId"] == "null"
    state("Enabled")
    for n in range(5):
        for text in (b"1", b"2"):
            put(f"page/{n}", text)
    pages = list(s3.get_paginator("list_object_versions").paginate(Bucket=b, Prefix="page/", PaginationConfig={"PageSize": 3}))
    assert [v["Key"] for p in pages for v in p["Versions"]] == [f"page/{n}" for n in range(5) for _ in "12"] and len(pages) == 4, pages
    answer = s3.delete_objects(Bucket=b, Delete={"Objects": [{"Key": v["Key"], "VersionId": v["VersionId"]} for p in pages for v in p["Versions"]] + [{"Key": "never"}]})
    assert len(answer["Deleted"]) == 11 and [d["DeleteMarker"] for d in answer["Deleted"] if d["Key"] == "never"] == [True], answer


def copies(b):
    data = os.urandom(11 << 20)
    s3.put_object(Bucket=b, Key="a", Body=b"content", ContentType="audio/wav", Metadata={"m": "1"}, Tagging="t=1")
    source = {"Bucket": b, "Key": "a"}
    done = s3.copy_object(Bucket=b, Key="b/é +", CopySource=source)
    kept = s3.get_object(Bucket=b, Key="b/é +")
    assert kept["Body"].read() == b"content" and kept["Metadata"] == {"m": "1"} and kept["ContentType"] == "audio/wav" and kept["ETag"] == done["CopyObjectResult"]["ETag"], kept
    assert s3.get_object_tagging(Bucket=b, Key="b/é +")["TagSet"] == [{"Key": "t", "Value": "1"}]
    s3.copy_object(Bucket=b, Key="c", CopySource={"Bucket": b, "Key": "b/é +"}, MetadataDirective="REPLACE", Metadata={"n": "2"}, ContentType="text/plain", TaggingDirective="REPLACE", Tagging="u=2")
    kept = s3.head_object(Bucket=b, Key="c")
    assert kept["Metadata"] == {"n": "2"} and kept["ContentType"] == "text/plain", kept
    assert s3.get_object_tagging(Bucket=b, Key="c")["TagSet"] == [{"Key": "u", "Value": "2"}]
    refused("InvalidRequest", s3.copy_object, Bucket=b, Key="a", CopySource=source)
    s3.copy_object(Bucket=b, Key="a", CopySource=source, MetadataDirective="REPLACE", Metadata={"changed": "yes"})
    assert s3.head_object(Bucket=b, Key="a")["Metadata"] == {"changed": "yes"} and body(Bucket=b, Key="a") == b"content"
    refused("NoSuchKey", s3.copy_object, Bucket=b, Key="x", CopySource={"Bucket": b, "Key": "none"})
    refused("NoSuchBucket", s3.copy_object, Bucket=b, Key="x", CopySource={"Bucket": b + "-none", "Key": "a"})
    etag = s3.head_object(Bucket=b, Key="a")["ETag"]
    refused("PreconditionFailed", s3.copy_object, Bucket=b, Key="x", CopySource=source, CopySourceIfMatch='"other"')
    refused("PreconditionFailed", s3.copy_object, Bucket=b, Key="x", CopySource=source, CopySourceIfNoneMatch=etag)
    s3.copy_object(Bucket=b, Key="x", CopySource=source, CopySourceIfMatch=etag, ChecksumAlgorithm="SHA256")
    assert s3.head_object(Bucket=b, Key="x", ChecksumMode="ENABLED")["ChecksumSHA256"]
    # The transfer manager copies what is large part by part.
    s3.upload_fileobj(io.BytesIO(data), b, "big")
    s3.copy({"Bucket": b, "Key": "big"}, b, "copied", Config=TransferConfig(multipart_threshold=6 << 20, multipart_chunksize=6 << 20))
    assert body(Bucket=b, Key="copied") == data
    # One object of parts of several.
    upload = dict(Bucket=b, Key="joined", UploadId=s3.create_multipart_upload(Bucket=b, Key="joined")["UploadId"])
    parts = [s3.upload_part_copy(PartNumber=1, CopySource={"Bucket": b, "Key": "big"}, CopySourceRange="bytes=100-6000099", **upload)["CopyPartResult"],
             s3.upload_part_copy(PartNumber=2, CopySource=source, **upload)["CopyPartResult"]]
    refused(("InvalidArgument", "InvalidRange", "InvalidRequest"), s3.upload_part_copy, PartNumber=3, CopySource=source, CopySourceRange="bytes=5-99", **upload)
    s3.complete_multipart_upload(MultipartUpload={"Parts": [{"PartNumber": n + 1, "ETag": p["ETag"]} for n, p in enumerate(parts)]}, **upload)
    assert body(Bucket=b, Key="joined") == data[100:6000100] + b"content"
    # A version that is not the current one.
    s3.put_bucket_versioning(Bucket=b, VersioningConfiguration={"Status": "Enabled"})
    old = s3.put_object(Bucket=b, Key="v", Body=b"old")["VersionId"]
    s3.put_object(Bucket=b, Key="v", Body=b"new")
    done = s3.copy_object(Bucket=b, Key="v", CopySource={"Bucket": b, "Key": "v", "VersionId": old})
    assert done["CopySourceVersionId"] == old and done["VersionId"] and body(Bucket=b, Key="v") == b"old", done


def conditions(b):
    if not knows("PutObject", "IfMatch"):
        return "this boto3 knows no conditional writes"
    put = lambda **kwargs: s3.put_object(Bucket=b, Key="k", **kwargs)["ETag"]
    refused("NoSuchKey", s3.put_object, Bucket=b, Key="k", Body=b"", IfMatch='"any"')
    first = put(Body=b"first", IfNoneMatch="*")
    refused("PreconditionFailed", s3.put_object, Bucket=b, Key="k", Body=b"", IfNoneMatch="*")
    second = put(Body=b"second", IfMatch=first)
    refused("PreconditionFailed", s3.put_object, Bucket=b, Key="k", Body=b"", IfMatch=first)
    upload = lambda: dict(Bucket=b, Key="k", UploadId=s3.create_multipart_upload(Bucket=b, Key="k")["UploadId"])
    u = upload()
    parts = {"Parts": [{"PartNumber": 1, "ETag": s3.upload_part(PartNumber=1, Body=b"third", **u)["ETag"]}]}
    refused("PreconditionFailed", s3.complete_multipart_upload, MultipartUpload=parts, IfNoneMatch="*", **u)
    s3.complete_multipart_upload(MultipartUpload=parts, IfMatch=second, **u)
    assert body(Bucket=b, Key="k") == b"third"
    # Of many that make the same key at once one succeeds.
    won = []
    def race(n):
        try:
            connect().put_object(Bucket=b, Key="race", Body=str(n), IfNoneMatch="*")
            won.append(n)
        except ClientError as e:
            assert e.response["Error"]["Code"] in ("PreconditionFailed", "ConditionalRequestConflict"), e
    racers = [threading.Thread(target=race, args=(n,)) for n in range(8)]
    for r in racers: r.start()
    for r in racers: r.join()
    assert len(won) == 1 and body(Bucket=b, Key="race") == str(won[0]).encode(), won


def tags(b):
    s3.put_object(Bucket=b, Key="k", Body=b"x", Tagging="case=4711&note=a%20b")
    pairs = lambda: {t["Key"]: t["Value"] for t in s3.get_object_tagging(Bucket=b, Key="k")["TagSet"]}
    assert pairs() == {"case": "4711", "note": "a b"}
    assert s3.get_object(Bucket=b, Key="k")["TagCount"] == 2
    s3.put_object_tagging(Bucket=b, Key="k", Tagging={"TagSet": [{"Key": "é", "Value": ""}]})
    assert pairs() == {"é": ""}
    s3.delete_object_tagging(Bucket=b, Key="k")
    assert pairs() == {}
    many = [{"Key": str(n), "Value": "v"} for n in range(11)]
    refused("BadRequest", s3.put_object_tagging, Bucket=b, Key="k", Tagging={"TagSet": many})
    refused("InvalidTag", s3.put_object_tagging, Bucket=b, Key="k", Tagging={"TagSet": [many[0], many[0]]})
    refused("InvalidTag", s3.put_object_tagging, Bucket=b, Key="k", Tagging={"TagSet": [{"Key": "k" * 129, "Value": ""}]})
    refused("NoSuchKey", s3.get_object_tagging, Bucket=b, Key="none")
    refused("NoSuchTagSet", s3.get_bucket_tagging, Bucket=b)
    s3.put_bucket_tagging(Bucket=b, Tagging={"TagSet": many})
    assert len(s3.get_bucket_tagging(Bucket=b)["TagSet"]) == 11
    s3.delete_bucket_tagging(Bucket=b)
    refused("NoSuchTagSet", s3.get_bucket_tagging, Bucket=b)


def locks(b):
    refused("ObjectLockConfigurationNotFoundError", s3.get_object_lock_configuration, Bucket=b)
    s3.put_object(Bucket=b, Key="k", Body=b"x")
    refused("InvalidRequest", s3.put_object_legal_hold, Bucket=b, Key="k", LegalHold={"Status": "ON"})
    b += "-lock"
    s3.create_bucket(Bucket=b, ObjectLockEnabledForBucket=True)
    assert s3.get_bucket_versioning(Bucket=b)["Status"] == "Enabled"
    refused("InvalidBucketState", s3.put_bucket_versioning, Bucket=b, VersioningConfiguration={"Status": "Suspended"})
    rule = {"ObjectLockEnabled": "Enabled", "Rule": {"DefaultRetention": {"Mode": "GOVERNANCE", "Days": 1}}}
    s3.put_object_lock_configuration(Bucket=b, ObjectLockConfiguration=rule)
    assert s3.get_object_lock_configuration(Bucket=b)["ObjectLockConfiguration"] == rule
    v = s3.put_object(Bucket=b, Key="k", Body=b"x")["VersionId"]
    one = dict(Bucket=b, Key="k", VersionId=v)
    head = s3.head_object(Bucket=b, Key="k")
    assert head["ObjectLockMode"] == "GOVERNANCE" and head["ObjectLockRetainUntilDate"] > datetime.datetime.now(datetime.timezone.utc), head
    refused("AccessDenied", s3.delete_object, **one)
    later = head["ObjectLockRetainUntilDate"] + datetime.timedelta(days=1)
    s3.put_object_retention(Retention={"Mode": "GOVERNANCE", "RetainUntilDate": later}, **one)
    assert s3.get_object_retention(**one)["Retention"]["RetainUntilDate"] == later
    sooner = {"Mode": "GOVERNANCE", "RetainUntilDate": later - datetime.timedelta(hours=30)}
    refused("AccessDenied", s3.put_object_retention, Retention=sooner, **one)
    s3.put_object_retention(Retention=sooner, BypassGovernanceRetention=True, **one)
    refused("InvalidArgument", s3.put_object_retention, Retention={"Mode": "GOVERNANCE", "RetainUntilDate": datetime.datetime(2020, 1, 1)}, BypassGovernanceRetention=True, **one)
    marker = s3.delete_object(Bucket=b, Key="k")  # a delete marker may be laid over what is locked
    assert marker["DeleteMarker"]
    s3.delete_object(Bucket=b, Key="k", VersionId=marker["VersionId"])
    s3.put_object_legal_hold(LegalHold={"Status": "ON"}, **one)
    assert s3.get_object_legal_hold(**one)["LegalHold"] == {"Status": "ON"} and s3.head_object(Bucket=b, Key="k")["ObjectLockLegalHoldStatus"] == "ON"
    refused("AccessDenied", s3.delete_object, BypassGovernanceRetention=True, **one)
    s3.put_object_legal_hold(LegalHold={"Status": "OFF"}, **one)
    refused("AccessDenied", s3.delete_object, **one)
    s3.delete_object(BypassGovernanceRetention=True, **one)
    soon = datetime.datetime.now(datetime.timezone.utc) + datetime.timedelta(seconds=4)
    v = s3.put_object(Bucket=b, Key="strict", Body=b"x", ObjectLockMode="COMPLIANCE", ObjectLockRetainUntilDate=soon)["VersionId"]
    refused("AccessDenied", s3.delete_object, Bucket=b, Key="strict", VersionId=v, BypassGovernanceRetention=True)
    refused("AccessDenied", s3.put_object_retention, Bucket=b, Key="strict", VersionId=v, Retention=sooner, BypassGovernanceRetention=True)
    time.sleep(max(0, (soon - datetime.datetime.now(datetime.timezone.utc)).total_seconds()) + 1)
    s3.delete_object(Bucket=b, Key="strict", VersionId=v)
    empty(b)


def lifecycle(b):
    refused("NoSuchLifecycleConfiguration", s3.get_bucket_lifecycle_configuration, Bucket=b)
    rules = [
        {"ID": "by prefix", "Status": "Enabled", "Filter": {"Prefix": "tmp/"}, "Expiration": {"Days": 30}},
        {"ID": "by more", "Status": "Disabled", "Filter": {"And": {"Prefix": "x/", "Tags": [{"Key": "k", "Value": "v"}], "ObjectSizeGreaterThan": 1000}}, "Expiration": {"Days": 1}},
        {"ID": "versions", "Status": "Enabled", "Filter": {"Prefix": ""}, "NoncurrentVersionExpiration": {"NoncurrentDays": 7, "NewerNoncurrentVersions": 2}},
        {"ID": "uploads", "Status": "Enabled", "Filter": {"Prefix": ""}, "AbortIncompleteMultipartUpload": {"DaysAfterInitiation": 3}},
    ]
    s3.put_bucket_lifecycle_configuration(Bucket=b, LifecycleConfiguration={"Rules": rules})
    kept = s3.get_bucket_lifecycle_configuration(Bucket=b)["Rules"]
    assert kept == rules, kept
    s3.put_object(Bucket=b, Key="tmp/1", Body=b"x")
    assert 'rule-id="by prefix"' in urllib.parse.unquote_plus(s3.head_object(Bucket=b, Key="tmp/1").get("Expiration", "")), s3.head_object(Bucket=b, Key="tmp/1")
    refused(("MalformedXML", "InvalidArgument", "InvalidRequest"), s3.put_bucket_lifecycle_configuration, Bucket=b, LifecycleConfiguration={"Rules": [{"ID": "none", "Status": "Enabled", "Filter": {"Prefix": ""}}]})
    s3.delete_bucket_lifecycle(Bucket=b)
    refused("NoSuchLifecycleConfiguration", s3.get_bucket_lifecycle_configuration, Bucket=b)


def cors(b):
    refused("NoSuchCORSConfiguration", s3.get_bucket_cors, Bucket=b)
    rules = [{"AllowedOrigins": ["https://*.example.com"], "AllowedMethods": ["GET", "PUT"], "AllowedHeaders": ["*"], "ExposeHeaders": ["ETag"], "MaxAgeSeconds": 60}]
    s3.put_bucket_cors(Bucket=b, CORSConfiguration={"CORSRules": rules})
    assert s3.get_bucket_cors(Bucket=b)["CORSRules"] == rules
    ask = lambda origin, method: fetch(f"{endpoint}/{b}/k", "OPTIONS", {"Origin": origin, "Access-Control-Request-Method": method, "Access-Control-Request-Headers": "x-amz-date"})
    status, headers, _ = ask("https://app.example.com", "PUT")
    assert status == 200 and headers["Access-Control-Allow-Origin"] == "https://app.example.com" and "PUT" in headers["Access-Control-Allow-Methods"] and headers["Access-Control-Max-Age"] == "60", (status, headers)
    assert ask("https://app.example.com", "DELETE")[0] == 403 and ask("https://example.org", "GET")[0] == 403
    url = s3.generate_presigned_url("put_object", Params={"Bucket": b, "Key": "k"}, ExpiresIn=60)
    status, headers, answer = fetch(url, "PUT", {"Origin": "https://app.example.com", "Content-Type": ""}, b"x")
    assert status == 200 and headers["Access-Control-Allow-Origin"] == "https://app.example.com" and headers["Access-Control-Expose-Headers"] == "ETag", (status, headers, answer)
    s3.delete_bucket_cors(Bucket=b)
    refused("NoSuchCORSConfiguration", s3.get_bucket_cors, Bucket=b)


def forms(b):
    def post(fields, content, name="call.wav"):
        line = uuid.uuid4().hex
        out = b""
        for key, value in fields.items():
            out += f'--{line}\r\nContent-Disposition: form-data; name="{key}"\r\n\r\n{value}\r\n'.encode()
        out += f'--{line}\r\nContent-Disposition: form-data; name="file"; filename="{name}"\r\nContent-Type: audio/wav\r\n\r\n'.encode() + content + f"\r\n--{line}--\r\n".encode()
        return fetch(f"{endpoint}/{b}", "POST", {"Content-Type": "multipart/form-data; boundary=" + line}, out)
    make = lambda key, fields=None, conditions=None, expires=60: s3.generate_presigned_post(b, key, Fields=fields, Conditions=conditions, ExpiresIn=expires)["fields"]
    status, headers, answer = post(make("form/${filename}"), b"content")
    assert status == 204 and headers["ETag"], (status, answer)
    assert body(Bucket=b, Key="form/call.wav") == b"content"
    meta = {"x-amz-meta-m": "1", "Content-Type": "text/plain", "success_action_status": "201"}
    status, headers, answer = post(make("meta", meta, [{k: v} for k, v in meta.items()] + [["content-length-range", 1, 100]]), b"more")
    assert status == 201 and b"<PostResponse" in answer and b"<Key>meta</Key>" in answer, (status, answer)
    head = s3.head_object(Bucket=b, Key="meta")
    assert head["Metadata"] == {"m": "1"} and head["ContentType"] == "text/plain", head
    status, _, answer = post(make("large", conditions=[["content-length-range", 1, 3]]), b"more")
    assert status == 400 and b"EntityTooLarge" in answer, (status, answer)
    status, _, answer = post({**make("named"), "key": "another"}, b"x")
    assert status == 403 and b"AccessDenied" in answer, (status, answer)
    status, _, answer = post({**make("signed"), "x-amz-signature": "0" * 64}, b"x")
    assert status == 403 and b"SignatureDoesNotMatch" in answer, (status, answer)
    status, _, answer = post({**make("extra"), "x-amz-meta-extra": "1"}, b"x")
    assert status == 403 and b"AccessDenied" in answer, (status, answer)
    assert sorted(o["Key"] for o in s3.list_objects_v2(Bucket=b)["Contents"]) == ["form/call.wav", "meta"]


def configuration(b):
    rule = s3.get_bucket_encryption(Bucket=b)["ServerSideEncryptionConfiguration"]["Rules"][0]["ApplyServerSideEncryptionByDefault"]
    assert rule["SSEAlgorithm"] == "aws:kms", rule
    block = s3.get_public_access_block(Bucket=b)["PublicAccessBlockConfiguration"]
    assert all(block.values()) and len(block) == 4, block
    assert s3.get_bucket_ownership_controls(Bucket=b)["OwnershipControls"]["Rules"] == [{"ObjectOwnership": "BucketOwnerEnforced"}]
    s3.put_object(Bucket=b, Key="k", Body=b"x", ACL="bucket-owner-full-control")
    for acl in (s3.get_bucket_acl(Bucket=b), s3.get_object_acl(Bucket=b, Key="k")):
        assert [g["Permission"] for g in acl["Grants"]] == ["FULL_CONTROL"] and acl["Grants"][0]["Grantee"]["ID"] == acl["Owner"]["ID"], acl
    refused("AccessControlListNotSupported", s3.put_bucket_acl, Bucket=b, ACL="public-read")
    refused("AccessControlListNotSupported", s3.put_object_acl, Bucket=b, Key="k", ACL="public-read")
    assert s3.get_bucket_request_payment(Bucket=b)["Payer"] == "BucketOwner"
    refused("NotImplemented", s3.put_bucket_website, Bucket=b, WebsiteConfiguration={"IndexDocument": {"Suffix": "index.html"}})
    for call in (s3.head_bucket, s3.list_objects_v2):
        call(Bucket=b)


def policies(b):
    refused("NoSuchBucketPolicy", s3.get_bucket_policy, Bucket=b)
    deny = {"Version": "2012-10-17", "Statement": [{"Sid": "keep", "Effect": "Deny", "Principal": "*", "Action": "s3:DeleteObject", "Resource": f"arn:aws:s3:::{b}/keep/*"}]}
    s3.put_bucket_policy(Bucket=b, Policy=json.dumps(deny))
    assert json.loads(s3.get_bucket_policy(Bucket=b)["Policy"]) == deny
    for key in ("keep/1", "other"):
        s3.put_object(Bucket=b, Key=key, Body=b"x")
    s3.delete_object(Bucket=b, Key="other")
    for _ in range(30):  # in force within two seconds
        try:
            s3.delete_object(Bucket=b, Key="keep/1")
            s3.put_object(Bucket=b, Key="keep/1", Body=b"x")
            time.sleep(0.1)
        except ClientError as e:
            assert e.response["Error"]["Code"] == "AccessDenied", e
            break
    else:
        raise AssertionError("the policy denies nothing")
    public = {"Version": "2012-10-17", "Statement": [{"Effect": "Allow", "Principal": "*", "Action": "s3:GetObject", "Resource": f"arn:aws:s3:::{b}/*"}]}
    refused(("AccessDenied", "MalformedPolicy", "NotImplemented"), s3.put_bucket_policy, Bucket=b, Policy=json.dumps(public))
    refused("MalformedPolicy", s3.put_bucket_policy, Bucket=b, Policy="{")
    s3.delete_bucket_policy(Bucket=b)
    refused("NoSuchBucketPolicy", s3.get_bucket_policy, Bucket=b)
    for _ in range(30):
        try:
            s3.delete_object(Bucket=b, Key="keep/1")
            break
        except ClientError:
            time.sleep(0.1)
    else:
        raise AssertionError("the policy denies although it is gone")


def attributes(b):
    ask = ["ETag", "Checksum", "ObjectParts", "StorageClass", "ObjectSize"]
    s3.put_object(Bucket=b, Key="k", Body=b"content", ChecksumAlgorithm="SHA256")
    got = s3.get_object_attributes(Bucket=b, Key="k", ObjectAttributes=ask)
    assert got["ObjectSize"] == 7 and got["Checksum"]["ChecksumSHA256"] and got["StorageClass"] == "STANDARD" and got["ETag"] == s3.head_object(Bucket=b, Key="k")["ETag"].strip('"'), got
    upload = dict(Bucket=b, Key="parts", UploadId=s3.create_multipart_upload(Bucket=b, Key="parts", ChecksumAlgorithm="SHA256")["UploadId"])
    parts = []
    for n in (1, 2):
        done = s3.upload_part(PartNumber=n, Body=b"x" * (5 << 20), ChecksumAlgorithm="SHA256", **upload)
        parts.append({"PartNumber": n, "ETag": done["ETag"], "ChecksumSHA256": done["ChecksumSHA256"]})
    s3.complete_multipart_upload(MultipartUpload={"Parts": parts}, **upload)
    got = s3.get_object_attributes(Bucket=b, Key="parts", ObjectAttributes=ask)
    assert got["ObjectParts"]["TotalPartsCount"] == 2 and [(p["PartNumber"], p["Size"]) for p in got["ObjectParts"]["Parts"]] == [(1, 5 << 20), (2, 5 << 20)], got
    got = s3.get_object_attributes(Bucket=b, Key="parts", ObjectAttributes=["ObjectParts"], MaxParts=1)
    assert got["ObjectParts"]["IsTruncated"] and len(got["ObjectParts"]["Parts"]) == 1 and "ObjectSize" not in got, got
    refused("NoSuchKey", s3.get_object_attributes, Bucket=b, Key="none", ObjectAttributes=ask)


def waiters(b):
    s3.get_waiter("bucket_exists").wait(Bucket=b, WaiterConfig={"Delay": 1, "MaxAttempts": 2})
    late = threading.Timer(1.5, lambda: connect().put_object(Bucket=b, Key="late", Body=b"x"))
    late.start()
    s3.get_waiter("object_exists").wait(Bucket=b, Key="late", WaiterConfig={"Delay": 1, "MaxAttempts": 10})
    late.join()
    s3.delete_object(Bucket=b, Key="late")
    s3.get_waiter("object_not_exists").wait(Bucket=b, Key="late", WaiterConfig={"Delay": 1, "MaxAttempts": 2})
    try:
        s3.get_waiter("bucket_exists").wait(Bucket=b + "-none", WaiterConfig={"Delay": 0, "MaxAttempts": 1})
        raise AssertionError("a bucket that does not exist was waited for")
    except WaiterError:
        pass


def stock(b):
    """A session whose credentials bring the purpose along, and no line of code for it."""
    if "READER_PROFILE" not in os.environ:
        return "there is no credential process"
    s3.put_object(Bucket=b, Key="k", Body=b"content")
    reader = connect(boto3.Session(profile_name=os.environ["READER_PROFILE"]), give_purpose=False)
    assert reader.get_object(Bucket=b, Key="k")["Body"].read() == b"content"
    into = io.BytesIO()
    reader.download_fileobj(b, "k", into)
    assert into.getvalue() == b"content"
    status, _, answer = fetch(reader.generate_presigned_url("get_object", Params={"Bucket": b, "Key": "k"}, ExpiresIn=60))
    assert (status, answer) == (200, b"content"), (status, answer)


failed, script = [], os.environ["SCRIPT"].splitlines()
for part in (versions, copies, conditions, tags, locks, lifecycle, cors, forms, configuration, policies, attributes, waiters, stock):
    name = part.__name__
    bucket = f"features-{name}-{uuid.uuid4().hex[:8]}"
    try:
        s3.create_bucket(Bucket=bucket)
        said = part(bucket)
        empty(bucket)
        print(name, "left out: " + said if said else "passed")
    except Exception as e:
        failed.append(name)
        lines = [f.lineno for f in traceback.extract_tb(e.__traceback__) if f.filename == "<string>"]
        print(f"{name} FAILED in lines {lines[1:]}: {script[lines[1] - 1].strip()}: {type(e).__name__}: {e}"[:2000])
sys.exit(f"failed: {', '.join(failed)}" if failed else 0)
