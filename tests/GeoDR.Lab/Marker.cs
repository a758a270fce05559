namespace GeoDR.Lab; public static class Marker;
